/**
 * SHA-1 and SHA-256 (FIPS 180-4) of bytes that come in pieces, which WebCrypto's `digest` does not take. Words are
 * big-endian, blocks are of 64 bytes.
 */
export class Digest {
  readonly #state: Int32Array
  readonly #compress: (state: Int32Array, words: Int32Array) => void
  readonly #words = new Int32Array(80)
  readonly #block = new Uint8Array(64)
  readonly #view = new DataView(this.#block.buffer)
  #filled = 0
  #length = 0

  constructor(algorithm: 'sha1' | 'sha256') {
    const isLong = algorithm === 'sha256'
    this.#state = Int32Array.from(isLong ? roots : shortStart)
    this.#compress = isLong ? compressLong : compressShort
  }

  update(bytes: Uint8Array): this {
    this.#length += bytes.length
    let at = 0
    if (this.#filled > 0) {
      at = Math.min(64 - this.#filled, bytes.length)
      this.#block.set(bytes.subarray(0, at), this.#filled)
      this.#filled += at
      if (this.#filled < 64) return this
      this.#take(this.#view, 0)
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (; at + 64 <= bytes.length; at += 64) this.#take(view, at)
    this.#block.set(bytes.subarray(at))
    this.#filled = bytes.length - at
    return this
  }

  /** In hexadecimal digits; ends it. */
  hex(): string {
    const bits = this.#length * 8
    const tail = new Uint8Array((this.#filled < 56 ? 64 : 128) - this.#filled)
    tail[0] = 0x80
    const view = new DataView(tail.buffer)
    view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32))
    view.setUint32(tail.length - 4, bits >>> 0)
    this.update(tail)
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #take(view: DataView, at: number): void {
    const words = this.#words
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + 4 * i)
    this.#compress(this.#state, words)
  }
}

const shortStart = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]
const shortRounds = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6]

/** Fractions of the square roots of the first 8 primes, and of the cube roots of the first 64; dropped where unused. */
const roots = /* @__PURE__ */ rootsOfPrimes(8, 2)
const rounds = /* @__PURE__ */ rootsOfPrimes(64, 3)

function rootsOfPrimes(count: number, degree: 2 | 3): Int32Array {
  const primes = Array.from({ length: 310 }, (_, i) => i + 2).filter((n) => !divides(n))
  return Int32Array.from(primes.slice(0, count), (n) => fraction(n, degree))
}

function divides(n: number): boolean {
  for (let i = 2; i * i <= n; i++) if (n % i === 0) return true
  return false
}

/** The first 32 bits behind the point of a root: f64 has them, and 17 more. */
function fraction(n: number, degree: 2 | 3): number {
  const root = degree === 2 ? Math.sqrt(n) : Math.cbrt(n)
  return Math.floor((root - Math.floor(root)) * 2 ** 32)
}

function compressLong(state: Int32Array, w: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15] ?? 0
    const y = w[i - 2] ?? 0
    const early = turned(x, 25) ^ turned(x, 14) ^ (x >>> 3)
    const late = turned(y, 15) ^ turned(y, 13) ^ (y >>> 10)
    w[i] = ((((w[i - 16] ?? 0) + early) | 0) + (((w[i - 7] ?? 0) + late) | 0)) | 0
  }
  let a = state[0] ?? 0
  let b = state[1] ?? 0
  let c = state[2] ?? 0
  let d = state[3] ?? 0
  let e = state[4] ?? 0
  let f = state[5] ?? 0
  let g = state[6] ?? 0
  let h = state[7] ?? 0
  for (let i = 0; i < 64; i++) {
    const sum = turned(e, 26) ^ turned(e, 21) ^ turned(e, 7)
    const chosen = (((h + sum) | 0) + ((e & f) ^ (~e & g))) | 0
    const one = (chosen + (((rounds[i] ?? 0) + (w[i] ?? 0)) | 0)) | 0
    const two = ((turned(a, 30) ^ turned(a, 19) ^ turned(a, 10)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + one) | 0
    d = c
    c = b
    b = a
    a = (one + two) | 0
  }
  add(state, a, b, c, d, e, f, g, h)
}

function compressShort(state: Int32Array, w: Int32Array): void {
  for (let i = 16; i < 80; i++) {
    w[i] = turned((w[i - 3] ?? 0) ^ (w[i - 8] ?? 0) ^ (w[i - 14] ?? 0) ^ (w[i - 16] ?? 0), 1)
  }
  let a = state[0] ?? 0
  let b = state[1] ?? 0
  let c = state[2] ?? 0
  let d = state[3] ?? 0
  let e = state[4] ?? 0
  for (let i = 0; i < 80; i++) {
    const isChoice = i < 20
    const isMajority = i >= 40 && i < 60
    const mixed = isChoice ? (b & c) | (~b & d) : isMajority ? (b & c) | (b & d) | (c & d) : b ^ c ^ d
    const next = (turned(a, 5) + mixed + e + (shortRounds[Math.floor(i / 20)] ?? 0) + (w[i] ?? 0)) | 0
    e = d
    d = c
    c = turned(b, 30)
    b = a
    a = next
  }
  add(state, a, b, c, d, e)
}

function add(state: Int32Array, ...words: readonly number[]): void {
  for (let i = 0; i < words.length; i++) state[i] = (state[i] ?? 0) + (words[i] ?? 0)
}

/** Turned to the left. */
function turned(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
