import { check } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/**
 * Rows of x f32 [..., c] whose label is not negative.
 * @param vocab Labels are below it.
 * @throws MedAwareError `shape` unless there is a label a row, `config` for one that is no token's and where none is
 * left.
 */
export function labelledRows(who: string, x: Tensor, labels: Int32Array, vocab: number): Int32Array<ArrayBuffer> {
  check(labels.length === x.rows, 'shape', () => `${who}: ${labels.length} labels for x ${showShape(x.shape)}`)
  const beyond = labels.find((label) => label >= vocab)
  check(beyond === undefined, 'config', () => `${who}: label ${beyond} is beyond the vocabulary of ${vocab}`)
  const rows = Int32Array.from(labels.keys()).filter((row) => (labels[row] ?? -1) >= 0)
  check(rows.length > 0, 'config', () => {
    return `${who}: every label is masked; a prompt that fills the whole length leaves nothing to learn`
  })
  return rows
}
