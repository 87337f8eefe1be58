const prime1 = 0x9e3779b1
const prime2 = 0x85ebca77
const prime3 = 0xc2b2ae3d
const prime4 = 0x27d4eb2f
const prime5 = 0x165667b1

/**
 * XXH32 of some bytes (xxHash's specification, "XXH32 algorithm description"): it finds damage and tells data apart,
 * and keeps no secret. Bytes that differ in one word never have the same.
 * @param seed A whole number of 32 bits, such as what came before. Default 0.
 */
export function xxh32(data: ArrayBufferView, seed = 0): number {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const { length } = bytes
  let [at, hash] = [0, Math.imul(seed, 1) + prime5]
  if (length >= 16) {
    let [a, b, c, d] = [seed + prime1 + prime2, seed + prime2, seed, seed - prime1]
    for (; at <= length - 16; at += 16) {
      a = round(a, view.getInt32(at, true))
      b = round(b, view.getInt32(at + 4, true))
      c = round(c, view.getInt32(at + 8, true))
      d = round(d, view.getInt32(at + 12, true))
    }
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)
  }
  hash = (hash + length) | 0
  for (; at <= length - 4; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(view.getInt32(at, true), prime3)) | 0, 17), prime4)
  }
  for (; at < length; at++) hash = Math.imul(rotate((hash + Math.imul(bytes[at] ?? 0, prime5)) | 0, 11), prime1)
  hash = Math.imul(hash ^ (hash >>> 15), prime2)
  hash = Math.imul(hash ^ (hash >>> 13), prime3)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** `xxh32` of bytes, or of a text in UTF-8, as 8 hexadecimal digits. */
export function checksumOf(data: ArrayBufferView | string): string {
  return hex32(xxh32(typeof data === 'string' ? new TextEncoder().encode(data) : data))
}

/** 32 bits as 8 hexadecimal digits. */
export function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}

function round(sum: number, word: number): number {
  return Math.imul(rotate((sum + Math.imul(word, prime2)) | 0, 13), prime1)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
