import { noGrad } from '../../autograd/no-grad.ts'
import { check } from '../../core/errors.ts'
import { number, type OptionRules, readOptions } from '../../core/options.ts'
import type { CausalLm } from '../../models/causal-lm.ts'
import { add } from '../../ops/add.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { slice } from '../../ops/array/slice.ts'
import { mean, sum } from '../../ops/array/sum.ts'
import { transpose } from '../../ops/array/transpose.ts'
import { logSoftmax } from '../../ops/log-softmax.ts'
import { labelHits } from '../../ops/loss/label-hits.ts'
import { mul } from '../../ops/mul.ts'
import { adapterSetOf } from '../../peft/adapter.ts'
import { disableAdapter } from '../../peft/several/several-adapters.ts'
import { fromArray, type Tensor } from '../../tensor/tensor.ts'
import type { LabelledBatch } from '../labelled-batch.ts'
import { describedLoss, type TrainingLoss } from '../training-loss.ts'

/** Settings of DPO. */
export interface DpoOptions {
  /** How much a model is held to its reference: the larger, the nearer it stays. Default 0.1. */
  readonly beta?: number
}

/** A rule for each of them. */
export const dpoRules: OptionRules<DpoOptions> = { beta: number({ above: 0, to: 1e6 }) }

/**
 * Direct Preference Optimization (arXiv 2305.18290; TRL's DPOTrainer, dpo_trainer.py, with its loss_type 'sigmoid'):
 * the mean over pairs of -log σ(beta · ((log π - log π_ref)(chosen) - (log π - log π_ref)(rejected))). The reference
 * π_ref is the model with its adapters off, so that there is one copy of the weights; or, as in TRL, with the adapter
 * named `ref` where there is one beside what learns, such as a copy of what it was before. The loss is for batches of an
 * even number of rows, all chosen ones and then, in the same order, the rejected ones, with labels on completions
 * alone. Its metrics are TRL's by their names: means over the pairs, in nats.
 * @throws MedAwareError `config` for a beta that is no number above 0; of the loss itself for a model without an active
 * adapter, and a batch of an odd number of rows.
 */
export function dpoLoss(options: DpoOptions = {}): TrainingLoss<LabelledBatch> {
  const { beta = 0.1 } = readOptions('dpoLoss', options, dpoRules)
  return describedLoss({ type: 'dpo', beta }, (model, batch, { microBatches }) => {
    const reference = noGrad(() => asReference(checked(model, batch), () => rowLogProbs(model, batch)))
    const logps = rowLogProbs(model, batch)
    const rewards = mul(add(logps, mul(reference, -1)), beta)
    const pairs = transpose(reshape(rewards, [2, -1]), 0, 1)
    // Of two, log softmax is log σ of their difference.
    const loss = mul(mean(slice(logSoftmax(pairs), 1, 0, 1)), -1 / microBatches)
    return { loss, metrics: noGrad(() => metricsOf(pairs, reshape(logps, [2, -1]))) }
  })
}

/** Does some work with the model as the reference is: with its adapter `ref` alone, or else with none. */
function asReference<T>(model: CausalLm, doWork: () => T): T {
  const set = adapterSetOf(model)
  if (set?.members.has('ref') !== true) return disableAdapter(model, doWork)
  const learning = set.active
  set.activate('dpoLoss', ['ref'])
  try {
    return doWork()
  } finally {
    set.activate('dpoLoss', learning)
  }
}

/** Log-probability of each row's labels together: f32 [2b]. */
function rowLogProbs(model: CausalLm, batch: LabelledBatch): Tensor {
  return sum(model.logProbs(batch, batch.labels), { axis: -1 })
}

/** @param pairs Rewards, f32 [b, 2], chosen before rejected. @param logps f32 [2, b], likewise. */
function metricsOf(pairs: Tensor, logps: Tensor): Record<string, Tensor> {
  const [count = 0] = pairs.shape
  const meanOf = (x: Tensor, axis: number, at: number) => mean(slice(x, axis, at, at + 1))
  const [chosen, rejected] = [meanOf(pairs, 1, 0), meanOf(pairs, 1, 1)]
  // Where both are worth the same none is preferred, so that the rejected one must not be the first of the least.
  const second = fromArray(pairs.device, new Int32Array(count).fill(1), [count, 1], 'rejected')
  return {
    'rewards/chosen': chosen,
    'rewards/rejected': rejected,
    'rewards/accuracies': mean(labelHits(second, mul(pairs, -1))),
    'rewards/margins': add(chosen, mul(rejected, -1)),
    'logps/chosen': meanOf(logps, 0, 0),
    'logps/rejected': meanOf(logps, 0, 1),
  }
}

function checked(model: CausalLm, { shape: [rows] }: LabelledBatch): CausalLm {
  check(rows % 2 === 0, 'config', () => {
    return `dpoLoss: a batch has all chosen rows and then the rejected ones, an even number, got ${rows}`
  })
  check((adapterSetOf(model)?.active.length ?? 0) > 0, 'config', () => {
    return 'dpoLoss: the reference is the model with its adapter off, and there is none on it; attach one first'
  })
  return model
}
