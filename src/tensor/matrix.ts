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
  return { codes: tensor, ...unscaled, bits: 16, isBf16: dtype === 'bf16' ? 1 : 0, blockSize: columns }
}

/** Of formats without blocks, of which a row is one. */
const unscaled = { absmax: null, nested: null, tables: null, scaling: 0, nestedCount: 0 } as const

/** How any matrix is stored, for kernels that read f32 as well: bits are 32 then. */
export function anyStorageOf(matrix: Matrix): Omit<Storage, 'bits'> & { readonly bits: Storage['bits'] | 32 } {
  if (!isFull(matrix)) return storageOf(matrix)
  return { codes: matrix, ...unscaled, bits: 32, isBf16: 0, blockSize: matrix.columns }
}

/** The tensor that a matrix is, where it may want a gradient; `null` where its format is frozen. */
export function trainedOf(matrix: Matrix): Tensor | null {
  return isFull(matrix) ? matrix : null
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
