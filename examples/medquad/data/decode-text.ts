import { DataError } from './data-error.ts'

/**
 * The text of a file in UTF-8, with or without a byte order mark, or in UTF-16 with one.
 * @param name Of the file, which begins the sentence of an error; '' for none.
 * @throws DataError `format` for any other encoding, which it guesses, and for U+FFFD, which stands where another
 * program lost a character: each with the offset of the first bad byte and its line.
 */
export function decodeText(bytes: Uint8Array, name = ''): string {
  const [first, second, third, fourth] = bytes
  if (first === 0xff && second === 0xfe && third === 0 && fourth === 0) throw wrong(name, 0, 1, 'this is UTF-32')
  if (first === 0xff && second === 0xfe) return decodeUtf16(bytes, 'utf-16le', name)
  if (first === 0xfe && second === 0xff) return decodeUtf16(bytes, 'utf-16be', name)
  const start = first === 0xef && second === 0xbb && third === 0xbf ? 3 : 0
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(start))
  const lost = text.search(/[\0\ufffd]/)
  if (lost < 0) return text
  const before = text.slice(0, lost)
  const at = start + new TextEncoder().encode(before).length
  throw wrong(name, at, lineOf(before), whatIsAt(bytes, at))
}

function decodeUtf16(bytes: Uint8Array, label: 'utf-16le' | 'utf-16be', name: string): string {
  const text = new TextDecoder(label).decode(bytes)
  const lost = text.search(/[\0\ufffd]/)
  if (lost < 0) return text
  throw wrong(name, 2 + 2 * lost, lineOf(text.slice(0, lost)), `a broken character in ${label.toUpperCase()}`)
}

function wrong(name: string, at: number, line: number, what: string): DataError {
  const who = name === '' ? '' : `${name}: `
  return new DataError('format', `${who}byte ${at}, in line ${line}, is no text in UTF-8: ${what}; save it as UTF-8`)
}

const lineOf = (before: string): number => before.split(/\r\n|\n|\r/).length

/** What a byte that is not UTF-8's may be, by all that are not ASCII. */
function whatIsAt(bytes: Uint8Array, at: number): string {
  const byte = bytes[at] ?? 0
  if (byte === 0) return 'it is 0x00, so this looks like UTF-16 without a byte order mark'
  if (byte === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd)
    return 'it is U+FFFD, where another program lost a character, so the original is needed'
  const hex = `0x${byte.toString(16).toUpperCase()}`
  const encoding = suspect(bytes)
  if (encoding === null) return `it is ${hex}, of an encoding that is not known`
  return `it is ${hex}, so this looks like ${encoding.name}, where it is "${characterOf(byte)}"`
}

/** Code page 1252 is Latin-1 with letters and marks from 0x80 to 0x9F, but for five. */
function suspect(bytes: Uint8Array): { name: string } | null {
  const high = bytes.filter((byte) => byte >= 0x80)
  if (high.some((byte) => [0x81, 0x8d, 0x8f, 0x90, 0x9d].includes(byte))) return null
  const isLatin1 = high.every((byte) => byte >= 0xa0)
  return { name: isLatin1 ? 'Latin-1 (ISO-8859-1)' : 'Windows-1252 (code page 1252)' }
}

/** From 0x80 on; Node 20 takes these for Latin-1's control characters. */
const marks = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ'

const characterOf = (byte: number): string => marks[byte - 0x80] ?? String.fromCharCode(byte)
