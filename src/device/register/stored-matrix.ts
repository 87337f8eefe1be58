import { f32ToBf16, f32ToF16 } from '../../core/float16.ts'
import { blockBytes, type BlockForm, type BlockFormName, blockForms } from '../../quant/block-forms.ts'
import { quantizeAbsmax } from '../../quant/double-quant.ts'
import { dynamicMap } from '../../quant/dynamic-map.ts'
import { fourBitCode, quantizeFourBit } from '../../quant/four-bit.ts'
import { quantizeInt8 } from '../../quant/int8.ts'

/** Formats that kernels decode. */
export const storedFormats = [
  ...(['nf4', 'fp4 nested', 'int8', 'int8 by 32', 'f16', 'bf16'] as const),
  ...(['q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k', 'q6_k'] as const satisfies readonly BlockFormName[]),
]
export type StoredFormat = (typeof storedFormats)[number]

/** Those of kernels that read f32 as well. */
export const anyFormat = ['f32', ...storedFormats] as const

/** The same as `storedMatrix`, or f32, whose bits are 32. */
export function anyMatrix(values: Float32Array, columns: number, format: (typeof anyFormat)[number]) {
  if (format !== 'f32') return storedMatrix(values, columns, format)
  const none = { absmax: null, nested: null, tables: null }
  const params = { bits: 32, isBf16: 0, blockSize: columns, scaling: 0, nestedCount: 0 }
  return { reads: { ...none, codes: values }, params }
}

/** A matrix of `values`, rows of `columns`, as kernels are given it: what `matmulStored` reads of it, and is told. */
export function storedMatrix(values: Float32Array, columns: number, format: StoredFormat) {
  const none = { absmax: null, nested: null, tables: null }
  const plain = { isBf16: 0, blockSize: columns, scaling: 0, nestedCount: 0 }
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
  if (format !== 'nf4' && format !== 'fp4 nested') return blockMatrix(values, blockForms[format])
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
    params: { ...plain, bits: 4, blockSize, scaling: 1, nestedCount: nested.length - 1 },
  }
}

/** Blocks whose codes are bits of the values, and whose scales are small. */
function blockMatrix(values: Float32Array, form: BlockForm) {
  const bytes = blockBytes(form, Math.ceil(values.length / 256) * 256)
  const bits = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const codes = Uint8Array.from({ length: bytes.codes }, (_, i) => (bits[(3 * i) % bits.length] ?? 0) ^ (37 * i))
  const small = (length: number) => f32ToF16(Float32Array.from({ length }, (_, i) => (values[i % 7] ?? 1) / 32))
  const factors = codes.slice(0, bytes.absmax).map((code) => code & 63)
  const halves = small((form.scaling < 4 ? bytes.absmax : bytes.nested) / 2)
  const scales = {
    2: { absmax: halves, nested: null },
    3: { absmax: halves, nested: null },
    4: { absmax: factors, nested: Float32Array.from({ length: bytes.nested / 4 }, (_, i) => (1 + (i % 3)) / 1024) },
    5: { absmax: factors, nested: halves.map((half) => half - 0x1800) },
  }[form.scaling]
  return { reads: { codes, tables: null, ...scales }, params: { ...form, isBf16: 0, nestedCount: 0 } }
}
