import { f32ToBf16, f32ToF16 } from '../../core/float16.ts'
import { dynamicMap, fourBitCode, quantizeAbsmax, quantizeFourBit, quantizeInt8 } from '../../quant/index.ts'

/** Formats that kernels decode. */
export const storedFormats = ['nf4', 'fp4 nested', 'int8', 'int8 by 32', 'f16', 'bf16'] as const
export type StoredFormat = (typeof storedFormats)[number]

/** A matrix of `values`, rows of `columns`, as kernels are given it: what `matmulStored` reads of it, and is told. */
export function storedMatrix(values: Float32Array, columns: number, format: StoredFormat) {
  const none = { absmax: null, nested: null, tables: null }
  const plain = { isBf16: 0, blockSize: columns, isNested: 0, nestedCount: 0 }
  if (format === 'f16') return { reads: { ...none, codes: f32ToF16(values) }, params: { ...plain, bits: 16 } }
  if (format === 'bf16') {
    return { reads: { ...none, codes: f32ToBf16(values) }, params: { ...plain, bits: 16, isBf16: 1 } }
  }
  if (format === 'int8') {
    const { codes, scale } = quantizeInt8(values, values.length / columns, columns)
    const reads = { ...none, codes: new Uint8Array(codes.buffer), absmax: scale }
    return { reads, params: { ...plain, bits: 8 } }
  }
  if (format === 'int8 by 32') {
    const count = Math.ceil(values.length / 32) * 32
    const filled = new Float32Array(count)
    filled.set(values)
    const { codes, scale } = quantizeInt8(filled, count / 32, 32)
    const reads = { ...none, codes: new Uint8Array(codes.buffer), absmax: scale }
    return { reads, params: { ...plain, bits: 8, blockSize: 32 } }
  }
  const [type, blockSize] = [format === 'nf4' ? 'nf4' : 'fp4', 64] as const
  const { codes, absmax } = quantizeFourBit(values, { type, blockSize })
  const tables = Float32Array.of(...fourBitCode(type), ...dynamicMap(true))
  if (format === 'nf4') {
    return { reads: { codes, absmax, nested: null, tables }, params: { ...plain, bits: 4, blockSize } }
  }
  const double = quantizeAbsmax(absmax)
  const nested = Float32Array.of(...double.nestedAbsmax, double.offset)
  return {
    reads: { codes, absmax: double.codes, nested, tables },
    params: { ...plain, bits: 4, blockSize, isNested: 1, nestedCount: nested.length - 1 },
  }
}
