/**
 * Rounds float32 `values` to IEEE half precision (ties to even, subnormals and infinities kept, NaN stays NaN); returns
 * the bits.
 */
export function f32ToF16(values: Float32Array): Uint16Array {
  const source = bitsOf(values)
  const bits = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i++) bits[i] = f16BitsOf(source[i] as number)
  return bits
}

/** Widens half-precision `bits` to float32, into new memory or as many numbers of `values`; exact. */
export function f16ToF32(bits: Uint16Array, values = new Float32Array(bits.length)): Float32Array<ArrayBuffer> {
  f16Values ??= buildF16Values()
  // Bits are copied, not floats: a signalling NaN must not be quietened on its way.
  const target = bitsOf(values)
  for (let i = 0; i < bits.length; i++) target[i] = f16Values[bits[i] as number] as number
  return values
}

/** Rounds float32 `values` to bfloat16 (ties to even, NaN stays NaN); returns the bits. */
export function f32ToBf16(values: Float32Array): Uint16Array {
  const source = bitsOf(values)
  const bits = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i++) {
    const x = source[i] as number
    const isNan = (x & 0x7fffffff) > 0x7f800000
    bits[i] = isNan ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16
  }
  return bits
}

/** Widens bfloat16 `bits` to float32, into new memory or as many numbers of `values`; exact. */
export function bf16ToF32(bits: Uint16Array, values = new Float32Array(bits.length)): Float32Array<ArrayBuffer> {
  const target = bitsOf(values)
  for (let i = 0; i < bits.length; i++) target[i] = (bits[i] as number) << 16
  return values
}

/**
 * Index of the first number that is infinite or none, or -1. @param exponent The bits of the format's exponent, all of
 * which such a number has: 0x7c00 in f16, 0x7f80 in bf16, 0x7f800000 in f32.
 */
export function findNonFinite(bits: Uint16Array | Uint32Array, exponent: number): number {
  const isAligned = bits.byteOffset % 4 === 0 && bits.byteLength % 4 === 0
  if (isAligned && !hasFullExponent(new Int32Array(bits.buffer, bits.byteOffset, bits.byteLength / 4), bits, exponent))
    return -1
  return bits.findIndex((each) => (each & exponent) === exponent)
}

/**
 * Looks at whole words, two numbers of 16 bits at a time: a pass over a checkpoint should cost less than reading it.
 */
function hasFullExponent(
  words: Int32Array,
  { BYTES_PER_ELEMENT }: Uint16Array | Uint32Array,
  exponent: number,
): boolean {
  const fields = (BYTES_PER_ELEMENT === 2 ? exponent * 0x10001 : exponent) >>> 1
  // Shifted right by one, so that sums stay below 2^31: a field of ones, and only that, carries out when its lowest bit
  // is added.
  const lowest = fields & ~(fields << 1)
  let carried = 0
  for (let i = 0; i < words.length; i++) carried |= (((words[i] as number) >>> 1) & fields) + lowest
  const above = fields + lowest
  return (carried & above & ~fields) !== 0
}

function f16BitsOf(x: number): number {
  const sign = (x >>> 16) & 0x8000
  const magnitude = x & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff)
  if (magnitude >= 0x477ff000) return sign | 0x7c00 // 65520 and above round to infinity
  if (magnitude <= 0x33000000) return sign // 2^-25 ties to zero
  if (magnitude < 0x38800000) {
    const shift = 126 - (magnitude >>> 23)
    const mantissa = (magnitude & 0x7fffff) | 0x800000
    return sign | ((mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift)
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
}

/** The float32 bits of every half-precision number; 256 KiB, built at first use. */
let f16Values: Uint32Array | undefined

function buildF16Values(): Uint32Array {
  const table = new Uint32Array(0x10000)
  const scratch = new Float32Array(1)
  const scratchBits = bitsOf(scratch)
  for (let half = 0; half < table.length; half++) {
    const sign = (half & 0x8000) << 16
    const exponent = (half >>> 10) & 0x1f
    const mantissa = half & 0x3ff
    if (exponent === 0) {
      scratch[0] = mantissa * 2 ** -24
      table[half] = sign | (scratchBits[0] as number)
    } else {
      table[half] = sign | ((exponent === 31 ? 0xff : exponent + 112) << 23) | (mantissa << 13)
    }
  }
  return table
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length)
}
