import { record } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { anyStorageOf, type Matrix, trainedOf } from '../tensor/matrix.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'

/**
 * Rows of a table. ids i32 [...], each in [0, v); table [v, c] in any format, frozen unless f32; out f32 [..., c].
 * @throws MedAwareError `shape` if ids are not i32 or the table not 2-D.
 */
export function embedding(ids: Tensor, table: Matrix): Tensor {
  check(ids.dtype === 'i32' && table.shape.length === 2, 'shape', () => {
    return `embedding: needs i32 ids and a 2-D table, got ${ids.dtype} ${showShape(ids.shape)} and ${showShape(table.shape)}`
  })
  const out = gatherRows(ids, table, [...ids.shape, table.columns])
  return record(out, [trainedOf(table)], (dOut) => [scatterRows(ids, dOut, table.shape)], { reads: [ids] })
}

/** table[ids], without history. */
export function gatherRows(ids: Tensor, table: Matrix, shape: readonly number[]): Tensor {
  const out = empty(table.device, shape, 'gathered rows')
  const { rows: vocab, columns: dim } = table
  const { codes, absmax, nested, tables, bits, isBf16, blockSize, scaling, nestedCount } = anyStorageOf(table)
  table.device.run(
    'embedding',
    { ids, codes, absmax, nested, tables, out },
    { rows: ids.count, dim, first: 0, vocab, bits, isBf16, blockSize, scaling, nestedCount },
  )
  return out
}

/** Zeros of `shape` with the rows of `dOut` added where `ids` point, without history. */
export function scatterRows(ids: Tensor, dOut: Tensor, shape: readonly number[]): Tensor {
  const dTable = empty(dOut.device, shape, 'scattered rows')
  const dim = dOut.columns
  dOut.device.run(
    'embeddingBackward',
    { ids, dOut, dTable },
    { rows: ids.count, dim, first: 0, vocab: dTable.rows, accumulate: 0 },
  )
  return dTable
}
