import { check } from '../core/errors.ts'
import type { Device } from '../device/device.ts'
import { FourBitTensor } from './four-bit-tensor.ts'
import { Int8Tensor } from './int8-tensor.ts'
import { Tensor } from './tensor.ts'

/** A matrix in any storage format: f32, f16 or bf16, 4 bits, or LLM.int8. All but f32 are frozen. */
export type Matrix = Tensor | FourBitTensor | Int8Tensor

/** How a matrix that is not f32 reaches kernels, in the terms of `matmulStored`. */
export interface Storage {
  readonly codes: Tensor
  readonly absmax: Tensor | null
  readonly nested: Tensor | null
  readonly tables: Tensor | null
  readonly bits: 4 | 8 | 16
  /** Whether 16 bits are those of a bf16. */
  readonly isBf16: 0 | 1
  readonly blockSize: number
  readonly isNested: 0 | 1
  readonly nestedCount: number
}

/** What has been found before: weights never change their format, and every product asks. */
const known = new WeakMap<Matrix, Storage>()

/** Whether a matrix is f32: kernels read it as it is, and training can change it. */
export function isFull(matrix: Matrix): matrix is Tensor {
  return matrix instanceof Tensor && matrix.dtype === 'f32'
}

/**
 * How a matrix that is not f32 is stored.
 * @throws MedAwareError `unsupported` for a tensor of integers.
 */
export function storageOf(matrix: Matrix): Storage {
  const found = known.get(matrix)
  if (found !== undefined) return found
  const storage = findStorage(matrix)
  known.set(matrix, storage)
  return storage
}

function findStorage(matrix: Matrix): Storage {
  // Of formats without blocks a row is one.
  const plain = {
    nested: null,
    tables: null,
    isBf16: 0,
    blockSize: matrix.shape.at(-1) ?? 1,
    isNested: 0,
    nestedCount: 0,
  } as const
  if (matrix instanceof FourBitTensor) {
    const { codes, absmax, nested, tables, blockSize } = matrix.parts
    const double = { isNested: nested === null ? 0 : 1, nestedCount: nested === null ? 0 : nested.count - 1 } as const
    return { codes, absmax, nested, tables, bits: 4, isBf16: 0, blockSize, ...double }
  }
  if (matrix instanceof Int8Tensor) {
    const { codes, scale } = matrix.parts
    return { codes, absmax: scale, bits: 8, ...plain }
  }
  const { dtype } = matrix
  check(dtype === 'f16' || dtype === 'bf16', 'unsupported', () => `storageOf: no product takes a matrix of ${dtype}`)
  return { codes: matrix, absmax: null, bits: 16, ...plain, isBf16: dtype === 'bf16' ? 1 : 0 }
}

/** A matrix that belongs to nobody; what else `make` allocates is freed, all of it where it throws. */
export function rootedMatrix<M extends Matrix>({ memory }: Device, make: () => M): M {
  return memory.rooted(() =>
    memory.scoped((scope) => {
      const matrix = make()
      for (const tensor of matrix.tensors) scope.keep(tensor)
      return matrix
    }),
  )
}
