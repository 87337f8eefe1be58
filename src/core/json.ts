import { check, MedAwareError, messageOf } from './errors.ts'
import { shorten } from './show.ts'

/** Lists and objects within one another that JSON may have: serde_json's bound, so what Rust libraries read is read. */
export const deepestJson = 127

/** A JSON object, no list and not null. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Parses JSON that may come from anyone; bytes must be UTF-8. @param who Begins the message, e.g. `config.json`.
 * @throws MedAwareError `format` for what is no JSON, no UTF-8, or nested more than 127 deep, before any of it is
 * built.
 */
export function parseJson(who: string, json: string | Uint8Array): unknown {
  const text = typeof json === 'string' ? json : decodeUtf8(who, json)
  checkDepth(who, text)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const reason = messageOf(cause)
    throw new MedAwareError('format', `${who}: not valid JSON: ${shorten(reason, 160)}`, { cause })
  }
}

/** Parses a JSON object. @throws MedAwareError `format` for anything else, and as `parseJson`. */
export function parseJsonObject(who: string, json: string | Uint8Array): JsonObject {
  const value = parseJson(who, json)
  check(isJsonObject(value), 'format', () => `${who}: must be a JSON object`)
  return value
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** UTF-8 as text; a byte order mark stays. @throws MedAwareError `format` for other bytes. */
export function decodeUtf8(who: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new MedAwareError('format', `${who}: not valid UTF-8`, { cause })
  }
}

const [quote, backslash] = ['"', '\\'].map((letter) => letter.charCodeAt(0))
const [openList, openObject, closeList, closeObject] = ['[', '{', ']', '}'].map((letter) => letter.charCodeAt(0))

/** Counts brackets outside strings; whether they match is `JSON.parse`'s business. */
function checkDepth(who: string, text: string): void {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === quote) i = endOfString(text, i)
    else if (unit === openList || unit === openObject) {
      depth++
      check(depth <= deepestJson, 'format', () => {
        return `${who}: lists and objects lie more than ${deepestJson} deep in one another`
      })
    } else if (unit === closeList || unit === closeObject) depth--
  }
}

/** Where the string that begins at `begin` has its closing quote, or the text's end. */
function endOfString(text: string, begin: number): number {
  for (let i = begin + 1; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === quote) return i
    if (unit === backslash) i++
  }
  return text.length
}
