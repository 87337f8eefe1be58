import { record } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { copyOf, empty, type Tensor, zeros } from '../tensor/tensor.ts'
import { checkTensor } from './array/checked.ts'
import { slice } from './array/slice.ts'
import { matmul } from './matmul.ts'

/**
 * One direction of a layer of torch's LSTM on one sequence, from a state of zeros: its outputs, f32 [t, h].
 * @param gates f32 [t, 4h], what W_ih x + b_ih + b_hh gives, in torch's order i, f, g, o.
 * @param weight W_hh, f32 [4h, h].
 * @param isReverse Whether it goes from the last row to the first.
 * @throws MedAwareError `shape` where sizes do not fit, `unsupported` for other dtypes.
 */
export function lstm(gates: Tensor, weight: Tensor, isReverse = false): Tensor {
  checkTensor('lstm', 'gates', gates, 'f32')
  checkTensor('lstm', 'weight', weight, 'f32')
  const [rows = 0, width = 0] = gates.shape
  const hidden = weight.columns
  check(gates.shape.length === 2 && width === 4 * hidden && weight.count === width * hidden, 'shape', () => {
    return `lstm: gates ${showShape(gates.shape)} and weight ${showShape(weight.shape)} must be [t, 4h] and [4h, h]`
  })
  const { device } = gates
  const order = Array.from({ length: rows }, (_, i) => (isReverse ? rows - 1 - i : i))
  const at = (i: number) => ({ hidden, row: order[i] ?? 0, before: order[i - 1] ?? 0, hasBefore: +(i > 0) })
  const whole = copyOf(gates, 'lstm gates')
  const [cells, out] = [empty(device, [rows, hidden], 'lstm cells'), empty(device, [rows, hidden], 'lstm')]
  for (const i of order.keys()) device.run('lstmCell', { weight, gates: whole, cells, out }, at(i))
  const rule = (dOut: Tensor, [, needsWeight]: readonly boolean[]) => {
    const dGates = empty(device, gates.shape, 'lstm dGates')
    const dCell = empty(device, [hidden], 'lstm dCell')
    for (let i = rows - 1; i >= 0; i--) {
      const after = { after: order[i + 1] ?? 0, hasAfter: +(i + 1 < rows) }
      const bound = { dOut, gates: whole, cells, weight, dGates, dCell }
      device.run('lstmCellBackward', bound, { ...at(i), ...after })
    }
    dCell.dispose()
    return [dGates, needsWeight === true ? weightGradient(dGates, out, isReverse) : null]
  }
  return record(out, [gates, weight], rule, { reads: [weight, out], saved: [whole, cells] })
}

/** Σ over steps but the first of dGates ⊗ the output before. */
function weightGradient(dGates: Tensor, out: Tensor, isReverse: boolean): Tensor {
  const { device, rows, columns } = dGates
  if (rows === 1) return zeros(device, [columns, out.columns], 'lstm dWeight')
  const [late, early] = isReverse ? [0, 1] : [1, 0]
  const ofSteps = slice(dGates, 0, late, rows - early)
  const before = slice(out, 0, early, rows - late)
  const dWeight = matmul(ofSteps, before, { transA: true })
  for (const part of [ofSteps, before]) part.dispose()
  return dWeight
}
