import { check, MedAwareError } from '../core/errors.ts'

/**
 * Parses a UTF-8 JSON object that may come from anyone. Unlike `JSON.parse` it refuses an object with a key twice:
 * two parsers that each keep another one would see two different files.
 * @throws `format` for bytes that are not UTF-8, not JSON, not an object, or that repeat a key.
 */
export function parseJsonObject(who: string, bytes: Uint8Array): Record<string, unknown> {
  const text = decode(who, bytes)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new MedAwareError('format', `${who}: not valid JSON`, { cause })
  }
  check(isObject(value), 'format', () => `${who}: must be a JSON object`)
  refuseRepeatedKeys(who, text)
  return value
}

/** Whether `value` is a JSON object, no array and not null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function decode(who: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new MedAwareError('format', `${who}: not valid UTF-8`, { cause })
  }
}

/** In text known to be JSON, a string before a colon is a key of the innermost open object. */
function refuseRepeatedKeys(who: string, text: string): void {
  const open: Set<string>[] = []
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '{') open.push(new Set())
    else if (text[i] === '}') open.pop()
    else if (text[i] === '"') {
      const begin = i++
      for (; text[i] !== '"'; i++) if (text[i] === '\\') i++
      if (!startsWithColon(text, i + 1)) continue
      const key = JSON.parse(text.slice(begin, i + 1)) as string
      check(!open.at(-1)?.has(key), 'format', () => `${who}: key "${key}" appears twice in one object`)
      open.at(-1)?.add(key)
    }
  }
}

function startsWithColon(text: string, begin: number): boolean {
  let i = begin
  while (' \t\n\r'.includes(text[i] ?? ':')) i++
  return text[i] === ':'
}
