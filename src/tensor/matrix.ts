import { check } from '../core/errors.ts'
import { FourBitTensor } from './four-bit-tensor.ts'
import { Int8Tensor } from './int8-tensor.ts'
import { Tensor } from './tensor.ts'

/** A matrix in any storage format: f32, f16 or bf16, 4 bits, or LLM.int8. All but f32 are frozen. */
export type Matrix = Tensor | FourBitTensor | Int8Tensor

/** What kernels are told of a matrix that is not f32, in the terms of `matmulStored`. */
export interface Storage {
  readonly bindings: {
    readonly codes: Tensor
    readonly absmax: Tensor | null
    readonly nested: Tensor | null
    readonly tables: Tensor | null
  }
  readonly format: {
    readonly bits: 4 | 8 | 16
    /** Whether 16 bits are those of a bf16. */
    readonly isBf16: 0 | 1
    readonly blockSize: number
    readonly isNested: 0 | 1
    readonly nestedCount: number
  }
}

/** Whether a matrix is f32: kernels read it as it is, and training can change it. */
export function isFull(matrix: Matrix): matrix is Tensor {
  return matrix instanceof Tensor && matrix.dtype === 'f32'
}

/**
 * How a matrix that is not f32 is stored.
 * @throws MedAwareError `unsupported` for a tensor of integers.
 */
export function storageOf(matrix: Matrix): Storage {
  // Of formats without blocks a row is one.
  const plain = { isBf16: 0, blockSize: matrix.shape.at(-1) ?? 1, isNested: 0, nestedCount: 0 } as const
  if (matrix instanceof FourBitTensor) {
    const { codes, absmax, nested, tables, blockSize } = matrix.parts
    const double = nested === null ? {} : ({ isNested: 1, nestedCount: nested.count - 1 } as const)
    return { bindings: { codes, absmax, nested, tables }, format: { ...plain, ...double, bits: 4, blockSize } }
  }
  if (matrix instanceof Int8Tensor) {
    const { codes, scale } = matrix.parts
    return { bindings: { codes, absmax: scale, nested: null, tables: null }, format: { ...plain, bits: 8 } }
  }
  const { dtype } = matrix
  const isBf16 = dtype === 'bf16' ? 1 : 0
  check(isBf16 === 1 || dtype === 'f16', 'unsupported', () => `storageOf: no product takes a matrix of ${dtype}`)
  return {
    bindings: { codes: matrix, absmax: null, nested: null, tables: null },
    format: { ...plain, bits: 16, isBf16 },
  }
}
