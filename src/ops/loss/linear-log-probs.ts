import { record } from '../../autograd/record.ts'
import { type Matrix, trainedOf } from '../../tensor/matrix.ts'
import { reshaped, type Tensor } from '../../tensor/tensor.ts'
import { gatherRows, scatterRows } from '../embedding.ts'
import { mul } from '../mul.ts'
import type { Product, Products } from '../products.ts'
import { LabelledLogits } from './labelled-logits.ts'

/**
 * The log-probability of each row's label, log softmax(x weightᵀ)[label], 0 where the label is negative: f32, x's shape
 * without its last axis. x f32 [..., c]; weight [v, c] f32, or frozen in any other format. Only rows with a label reach
 * the head, and only 256 rows of logits exist at once; the way back makes them again, since it must know what each
 * row's log-probability is wanted for (TRL's _ChunkedLogProbFunction).
 * @param labels One a row of x.
 * @param others Products that are added to the logits, such as an adapter's of low rank. Default none.
 * @throws MedAwareError `shape` where sizes do not fit, `config` when every label is negative or one is no token's.
 */
export function linearLogProbs(x: Tensor, weight: Matrix, labels: Int32Array, others: readonly Product[] = []): Tensor {
  const products: Products = [{ x, weight }, ...others]
  const logits = new LabelledLogits('linearLogProbs', products, labels)
  const { ids, hidden } = logits
  const losses = logits.losses(0, 0)
  const logs = mul(losses, -1)
  const out = reshaped(scatterRows(ids, logs, [x.rows, 1]), x.shape.slice(0, -1))
  for (const value of [losses, logs]) value.dispose()
  const rule = (dOut: Tensor) =>
    x.device.memory.scoped((scope) => {
      const dRows = gatherRows(ids, reshaped(dOut, [x.rows, 1]), [ids.count, 1])
      // What a row is wanted for scales its hidden state, and its gradient, in place of its logits.
      const terms = logits.terms(dRows)
      logits.losses(-1, 0, terms)
      return terms.flatMap((term) => {
        const dX = term.dHidden && scatterRows(ids, mul(term.dHidden, dRows), term.x.shape)
        for (const value of [dX, term.dWeight]) if (value) scope.keep(value)
        return [dX, term.dWeight]
      })
    })
  const inputs = products.flatMap((each) => [each.x, trainedOf(each.weight)])
  const reads = products.flatMap((each) => each.weight.tensors)
  return record(out, inputs, rule, { reads, saved: [ids, logits.labels, ...hidden] })
}
