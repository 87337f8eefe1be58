/** Decodes whole blocks: as many as `values` has room for. */
export type Decode = (blocks: Uint8Array, values: Float32Array) => void

/** 2^(e - 25) by the exponent's bits; the last is never looked up. */
const powers = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 25))

/** The half-precision number at a byte, little-endian; exact. */
export function halfAt(bytes: Uint8Array, at: number): number {
  const bits = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  const magnitude =
    exponent === 31
      ? fraction === 0
        ? Infinity
        : NaN
      : exponent === 0
        ? fraction * 2 ** -24
        : (fraction + 1024) * (powers[exponent] as number)
  return bits & 0x8000 ? -magnitude : magnitude
}
