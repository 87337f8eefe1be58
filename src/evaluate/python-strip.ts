/** What Python calls white space in a text: not quite what JavaScript does. */
const space = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const before = new RegExp(`^${space}+`)
const isSpace = new RegExp(space)

/** Python's `str.rstrip()`. */
export function rstrip(text: string): string {
  let end = text.length
  while (end > 0 && isSpace.test(text[end - 1] ?? '')) end--
  return text.slice(0, end)
}

/** Python's `str.strip()`. */
export function strip(text: string): string {
  return rstrip(text).replace(before, '')
}
