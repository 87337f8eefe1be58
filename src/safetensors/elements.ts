import { bf16ToF32, f16ToF32 } from '../core/float16.ts'
import { bytesOf, type SafetensorsDType, type TensorData } from './dtype.ts'

/** Bytes as elements of `dtype`; copied only where they are not aligned. JavaScript's platforms are little-endian. */
export function viewAs(bytes: Uint8Array, dtype: SafetensorsDType): TensorData {
  const size = bytesOf(dtype)
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  const length = byteLength / size
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer, byteOffset, length)
    case 'F32':
      return new Float32Array(buffer, byteOffset, length)
    case 'F16':
    case 'BF16':
      return new Uint16Array(buffer, byteOffset, length)
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, length)
    case 'I32':
      return new Int32Array(buffer, byteOffset, length)
    case 'I16':
      return new Int16Array(buffer, byteOffset, length)
    case 'I8':
      return new Int8Array(buffer, byteOffset, length)
    case 'U8':
    case 'BOOL':
      return new Uint8Array(buffer, byteOffset, length)
  }
}

/** Elements of `dtype` as float32: exact from F16, BF16 and small integers, else rounded to nearest. */
export function toF32(data: TensorData, dtype: SafetensorsDType): Float32Array {
  if (data instanceof Float32Array) return data
  if (data instanceof BigInt64Array) return Float32Array.from(data, Number)
  if (data instanceof Uint16Array) return dtype === 'F16' ? f16ToF32(data) : bf16ToF32(data)
  return Float32Array.from(data)
}
