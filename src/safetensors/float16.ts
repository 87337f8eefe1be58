import { f32ToBf16, f32ToF16 } from '../core/float16.ts'

export { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../core/float16.ts'

/** `values` as the data of a tensor of `dtype`: themselves for F32, else rounded to nearest even, as bits. */
export function encodeFloats(values: Float32Array, dtype: 'F32' | 'F16' | 'BF16'): Float32Array | Uint16Array {
  if (dtype === 'F16') return f32ToF16(values)
  return dtype === 'BF16' ? f32ToBf16(values) : values
}
