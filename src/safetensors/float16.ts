import { f32ToBf16, f32ToF16 } from '../core/float16.ts'
import { arrayOf, oneOf, readArgument } from '../core/options.ts'

export { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../core/float16.ts'

/**
 * `values` as the data of a tensor of `dtype`: themselves for F32, else rounded to nearest even, as bits.
 * @throws MedAwareError `config` for another dtype.
 */
export function encodeFloats(values: Float32Array, dtype: 'F32' | 'F16' | 'BF16'): Float32Array | Uint16Array {
  readArgument('encodeFloats', 'values', values, arrayOf(Float32Array))
  readArgument('encodeFloats', 'dtype', dtype, oneOf(['F32', 'F16', 'BF16']))
  if (dtype === 'F16') return f32ToF16(values)
  return dtype === 'BF16' ? f32ToBf16(values) : values
}
