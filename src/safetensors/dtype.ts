/** Element types of a safetensors file that this library reads and writes. */
export type SafetensorsDType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL'

/** A tensor's elements in their own type; F16 and BF16 as bits, BOOL as 0 and 1. */
export type TensorData =
  Float64Array | Float32Array | Uint16Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array

/** In the order the Rust library lays tensors out: descending alignment, and its order of types within one. */
const bytesPerElement: Readonly<Record<SafetensorsDType, number>> = {
  I64: 8,
  F64: 8,
  F32: 4,
  I32: 4,
  BF16: 2,
  F16: 2,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
}

const layoutOrder = Object.keys(bytesPerElement)

/** Types of the format that this library has no numbers for. */
const unsupported: readonly string[] = [
  ...['U16', 'U32', 'U64', 'C64', 'F4', 'F6_E2M3', 'F6_E3M2', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0'],
  ...['F8_E4M3FNUZ', 'F8_E5M2FNUZ'],
]

/** Bytes that one element of `dtype` takes. */
export function bytesOf(dtype: SafetensorsDType): number {
  return bytesPerElement[dtype]
}

/** Where tensors of `dtype` stand in a file: lower comes first. */
export function layoutRank(dtype: SafetensorsDType): number {
  return layoutOrder.indexOf(dtype)
}

export function isSafetensorsDType(word: unknown): word is SafetensorsDType {
  return typeof word === 'string' && layoutOrder.includes(word)
}

/** Whether `word` is a type of the format that this library does not read. */
export function isUnsupportedDType(word: unknown): boolean {
  return typeof word === 'string' && unsupported.includes(word)
}
