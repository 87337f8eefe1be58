/** Element types a tensor on a device can have. */
export type DType = 'f32' | 'f16' | 'bf16' | 'i32' | 'u8'

const bytesPerElement: Readonly<Record<DType, number>> = { f32: 4, f16: 2, bf16: 2, i32: 4, u8: 1 }

/** Bytes that one element of `dtype` takes. */
export function sizeOf(dtype: DType): number {
  return bytesPerElement[dtype]
}
