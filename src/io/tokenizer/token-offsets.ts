import { MedAwareError } from '../../core/errors.ts'
import { isJsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'

/** [begin, end) in UTF-16 units. */
export type Span = readonly [begin: number, end: number]

/** What is known of a token: how the vocabulary writes it, and whether that is how texts do. */
export interface TokenText {
  readonly written: string
  readonly isAdded: boolean
}

/** Bytes of a text, and where each comes from. */
interface Bytes {
  readonly bytes: Uint8Array
  /** Of each byte: begin and end of its character; of the end: the text's. */
  readonly begins: Uint32Array
  readonly ends: Uint32Array
}

/** Normal forms that a tokenizer may bring a text into before it looks at it. */
const forms = [null, 'NFC', 'NFKC'] as const

const encoder = new TextEncoder()

/**
 * Says where each token of a text stands in it, by reading tokens and text side by side: a token that begins with a
 * space may have been given it, and spaces may be between tokens that strip them. It keeps the bytes of the tokens that
 * it has met.
 * @param decoder That of tokenizer.json, which says how the vocabulary writes bytes.
 * @returns A function that throws MedAwareError `unsupported` where the tokenizer changes the text in another way than
 * to a normal form, such as to lower case.
 */
export function tokenLocator(decoder: unknown): (text: string, tokens: readonly TokenText[]) => Span[] {
  const kinds = kindsOf(decoder)
  const met = new Map<string, Uint8Array>()
  const surfaceOf = (token: TokenText): Uint8Array => {
    if (token.isAdded) return encoder.encode(token.written)
    const known = met.get(token.written) ?? bytesOf(token.written, kinds)
    met.set(token.written, known)
    return known
  }
  return (text, tokens) => {
    const surfaces = tokens.map(surfaceOf)
    let furthest = 0
    for (const form of forms) {
      const spans = aligned(surfaces, form === null ? asWritten(text) : normalized(text, form))
      if (spans.length === tokens.length) return spans
      furthest = Math.max(furthest, spans.length)
    }
    const token = show(tokens[furthest]?.written)
    throw new MedAwareError(
      'unsupported',
      `tokenizer: token ${furthest}, ${token}, is not found in the text where it should stand; its normalizer changes the text`,
    )
  }
}

/** Spans of the tokens, as far as they are found one behind another. */
function aligned(surfaces: readonly Uint8Array[], { bytes, begins, ends }: Bytes): Span[] {
  const spans: Span[] = []
  let at = 0
  for (const surface of surfaces) {
    const found = place(surface, bytes, at)
    if (found === null) return spans
    const [begin, end] = found
    const last = ends[end - 1] ?? 0
    spans.push(end > begin ? [begins[begin] ?? 0, last] : [begins[at] ?? 0, begins[at] ?? 0])
    at = end
  }
  return spans
}

const space = 0x20
const isSpace = (byte: number | undefined) => byte === space || (byte !== undefined && byte >= 9 && byte <= 13)

/** Where a token's bytes are next. */
function place(surface: Uint8Array, bytes: Uint8Array, from: number): readonly [number, number] | null {
  for (let at = from; ; at++) {
    if (isAt(surface, bytes, at)) return [at, at + surface.length]
    if (surface[0] === space && isAt(surface.subarray(1), bytes, at)) return [at, at + surface.length - 1]
    if (!isSpace(bytes[at])) return null
  }
}

function isAt(surface: Uint8Array, bytes: Uint8Array, at: number): boolean {
  if (at + surface.length > bytes.length) return false
  for (let i = 0; i < surface.length; i++) if (bytes[at + i] !== surface[i]) return false
  return true
}

/** A text's bytes as it is written. */
function asWritten(text: string): Bytes {
  const bytes = encoder.encode(text)
  const [begins, ends] = [new Uint32Array(bytes.length + 1), new Uint32Array(bytes.length)]
  let unit = 0
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0
    // By its first byte: a character of four bytes is a pair of surrogates.
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    const next = unit + (length === 4 ? 2 : 1)
    begins.fill(unit, at, at + length)
    ends.fill(next, at, at + length)
    at += length
    unit = next
  }
  begins[bytes.length] = unit
  return { bytes, begins, ends }
}

/** A text's bytes in a normal form, each character with the marks behind it. */
function normalized(text: string, form: 'NFC' | 'NFKC'): Bytes {
  const parts = text.match(/\P{M}\p{M}*|\p{M}+/gsu) ?? []
  const pieces = parts.map((part) => encoder.encode(part.normalize(form)))
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const [bytes, begins, ends] = [new Uint8Array(length), new Uint32Array(length + 1), new Uint32Array(length)]
  let [at, unit] = [0, 0]
  pieces.forEach((piece, i) => {
    const next = unit + (parts[i]?.length ?? 0)
    bytes.set(piece, at)
    begins.fill(unit, at, at + piece.length)
    ends.fill(next, at, at + piece.length)
    at += piece.length
    unit = next
  })
  begins[length] = unit
  return { bytes, begins, ends }
}

/** The bytes of a text that a token of a vocabulary stands for. */
function bytesOf(written: string, kinds: ReadonlySet<unknown>): Uint8Array {
  if (kinds.has('ByteLevel')) return Uint8Array.from(written, (letter) => byteOfLetter.get(letter) ?? space)
  const byte = kinds.has('ByteFallback') ? /^<0x([\dA-F]{2})>$/.exec(written)?.[1] : undefined
  if (byte !== undefined) return Uint8Array.of(parseInt(byte, 16))
  const isJoined = kinds.has('WordPiece') && written.startsWith('##')
  return encoder.encode(isJoined ? written.slice(2) : written.replaceAll('▁', ' '))
}

/** Types of a decoder and of its parts. */
function kindsOf(decoder: unknown): Set<unknown> {
  if (!isJsonObject(decoder)) return new Set()
  const { type, decoders } = decoder
  return new Set([type, ...(Array.isArray(decoders) ? decoders.flatMap((part) => [...kindsOf(part)]) : [])])
}

/** Letters that byte-level vocabularies write bytes as (GPT-2's bytes_to_unicode). */
const byteOfLetter: ReadonlyMap<string, number> = new Map(lettersOfBytes())

function lettersOfBytes(): [string, number][] {
  let others = 0
  return Array.from({ length: 256 }, (_, byte) => {
    const isShown = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
    return [String.fromCodePoint(isShown ? byte : 256 + others++), byte]
  })
}
