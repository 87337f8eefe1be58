import { check } from '../core/errors.ts'
import type { Device } from '../device/device.ts'
import { type Storage, StoredMatrix } from './stored-matrix.ts'
import { Tensor } from './tensor.ts'

/** A matrix in any storage format: a tensor of f32, f16 or bf16, or one in fewer bits. All but f32 are frozen. */
export type Matrix = Tensor | StoredMatrix

/** What has been found before: weights never change their format, and every product asks. */
const known = new WeakMap<Tensor, Storage>()

/** Whether a matrix is f32: kernels read it as it is, and training can change it. */
export function isFull(matrix: Matrix): matrix is Tensor {
  return matrix instanceof Tensor && matrix.dtype === 'f32'
}

/**
 * How a matrix that is not f32 is stored.
 * @throws MedAwareError `unsupported` for a tensor of integers.
 */
export function storageOf(matrix: Matrix): Storage {
  if (matrix instanceof StoredMatrix) return matrix.storage
  const found = known.get(matrix)
  if (found !== undefined) return found
  const storage = storageOfHalf(matrix)
  known.set(matrix, storage)
  return storage
}

function storageOfHalf(tensor: Tensor): Storage {
  const { dtype, columns } = tensor
  check(dtype === 'f16' || dtype === 'bf16', 'unsupported', () => `storageOf: no product takes a matrix of ${dtype}`)
  // Of formats without blocks a row is one.
  const plain = { absmax: null, nested: null, tables: null, blockSize: columns, scaling: 0, nestedCount: 0 } as const
  return { codes: tensor, bits: 16, isBf16: dtype === 'bf16' ? 1 : 0, ...plain }
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
