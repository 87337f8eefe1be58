/** Characters of a value that an error message shows. */
const MOST = 80

/**
 * A value in the words of an error message: strings in quotes, lists and objects by their first few parts, one level
 * deep, never more than about 80 characters, whatever it is and however deep or long.
 */
export function show(value: unknown): string {
  if (Array.isArray(value)) return shorten(`[${parts(value.length, (i) => brief((value as unknown[])[i]))}]`)
  if (ArrayBuffer.isView(value)) return nameOf(value)
  if (typeof value === 'object' && value !== null) return showObject(value)
  return brief(value)
}

/** Names in a row, the first few of many. */
export function showNames(names: readonly string[], most = 12): string {
  const shown = names.slice(0, most).map((name) => shorten(name))
  const rest = names.length - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}

/** A text cut to what a message has room for, never in the middle of a character. */
export function shorten(text: string, most = MOST): string {
  if (text.length <= most) return text
  return `${text.slice(0, most).replace(/[\uD800-\uDBFF]$/, '')}… (${text.length} characters)`
}

function showObject(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return nameOf(value)
  const entries = Object.entries(value)
  const shown = parts(entries.length, (i) => {
    const [key, part] = entries[i] ?? []
    return `${key}: ${brief(part)}`
  })
  return shorten(entries.length === 0 ? '{}' : `{ ${shown} }`)
}

function parts(count: number, part: (index: number) => string): string {
  const shown = Array.from({ length: Math.min(count, 8) }, (_, i) => part(i))
  return [...shown, ...(count > shown.length ? ['…'] : [])].join(', ')
}

/** A value without a look inside. */
function brief(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value))
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${shorten(value.name)}`
  if (typeof value === 'bigint') return shorten(`${value}n`)
  if (Object.is(value, -0)) return '-0'
  if (Array.isArray(value)) return value.length === 0 ? '[]' : '[…]'
  if (typeof value === 'object' && value !== null) return nameOf(value)
  return String(value)
}

function nameOf(value: object): string {
  const { constructor } = value as { constructor?: unknown }
  const name = typeof constructor === 'function' ? constructor.name : ''
  if (name === 'Object' || name === '') return '{…}'
  const length = ArrayBuffer.isView(value) && 'length' in value ? ` of ${String(value.length)}` : ''
  return `${/^(?!Uint)[AEIOU]/.test(name) ? 'an' : 'a'} ${shorten(name)}${length}`
}
