import { check } from '../core/errors.ts'
import { evaluateLoss } from '../evaluate/loss.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import { collate, type Example, labelCount } from '../models/example.ts'
import { inference } from '../models/inference.ts'
import type { LabelledBatch } from '../train/labelled-batch.ts'
import { type LossContext, partsOfLoss, type TrainingLoss } from '../train/training-loss.ts'
import { Tensor } from '../tensor/tensor.ts'

/** With what held-out examples are measured. */
export interface Measuring {
  /** A run's own loss; undefined for the model's. */
  readonly loss: TrainingLoss<unknown> | undefined
  /** Makes batches of examples for it. Default: padded on the right. */
  readonly dataCollator: ((examples: readonly Example[]) => unknown) | undefined
  readonly batchSize: number
  readonly labelSmoothingFactor: number
  /** The step that the own loss is told. */
  readonly step: number
  /** Told before the first batch and after each how many examples are done. */
  readonly onProgress: (done: number, total: number) => void
  readonly signal: AbortSignal | undefined
}

/**
 * What a model comes to on held-out examples, by the names of transformers' evaluations: `evalLoss` and, of the model's
 * own loss, what `evaluateLoss` tells; of a run's own, its metrics: `evalRewards/chosen`.
 * @throws MedAwareError as `evaluateLoss`, and as the loss.
 */
export async function measure(
  model: CausalLm,
  examples: readonly Example[],
  measuring: Measuring,
): Promise<Record<string, number>> {
  const started = performance.now()
  const { loss, onProgress } = measuring
  onProgress(0, examples.length)
  const metrics =
    loss === undefined ? await byModel(model, examples, measuring) : await byOwnLoss(model, examples, loss, measuring)
  return { ...metrics, evalSeconds: (performance.now() - started) / 1000 }
}

async function byModel(model: CausalLm, examples: readonly Example[], measuring: Measuring) {
  const { batchSize, labelSmoothingFactor, onProgress, signal } = measuring
  const given = { batchSize, labelSmoothingFactor, onProgress, ...(signal && { signal }) }
  const { loss, perplexity, bitsPerByte, tokenAccuracy, tokens } = await evaluateLoss(model, examples, given)
  return {
    evalLoss: loss,
    evalPerplexity: perplexity,
    ...(bitsPerByte !== null && { evalBitsPerByte: bitsPerByte }),
    ...(tokenAccuracy !== null && { evalTokenAccuracy: tokenAccuracy }),
    evalTokens: tokens,
  }
}

/** Each example weighs alike, as in transformers' loss; its Trainer and TRL's take the mean of batches' metrics. */
async function byOwnLoss(
  model: CausalLm,
  examples: readonly Example[],
  loss: TrainingLoss<unknown>,
  measuring: Measuring,
) {
  const { batchSize, onProgress, signal } = measuring
  const sums = new Map<string, number>()
  for (let begin = 0; begin < examples.length; begin += batchSize) {
    signal?.throwIfAborted()
    const rows = examples.slice(begin, begin + batchSize)
    if (begin === 0)
      await model.device.prepare(() => model.device.memory.scoped(() => void lossOf(model, rows, loss, measuring)))
    for (const [name, value] of await numbersOf(model, rows, loss, measuring)) {
      sums.set(name, (sums.get(name) ?? 0) + (value * rows.length) / examples.length)
    }
    onProgress(begin + rows.length, examples.length)
  }
  const tokens = examples.reduce((sum, example) => sum + labelCount(example, model), 0)
  return { ...Object.fromEntries([...sums].map(([name, value]) => [evalName(name), value])), evalTokens: tokens }
}

/** The loss and the metrics of a batch. */
async function numbersOf(
  model: CausalLm,
  rows: readonly Example[],
  ownLoss: TrainingLoss<unknown>,
  measuring: Measuring,
) {
  const { device } = model
  const tensors = device.memory.rooted(() =>
    device.memory.scoped((scope) => {
      const { loss, metrics } = lossOf(model, rows, ownLoss, measuring)
      const all = Object.entries({ loss, ...metrics })
      return all.flatMap(([name, value]) => (value instanceof Tensor ? [[name, scope.keep(value)] as const] : []))
    }),
  )
  try {
    const numbers = await Promise.all(tensors.map(async ([name, value]) => [name, await value.item()] as const))
    await device.settle()
    for (const [name, value] of numbers) {
      check(name !== 'loss' || Number.isFinite(value), 'numeric', () => `Trainer: the loss of a batch is ${value}`)
    }
    return numbers
  } finally {
    for (const [, value] of tensors) value.dispose()
  }
}

function lossOf(model: CausalLm, rows: readonly Example[], loss: TrainingLoss<unknown>, measuring: Measuring) {
  const { dataCollator = padded, step } = measuring
  const labels = rows.reduce((sum, example) => sum + labelCount(example, model), 0)
  const context: LossContext = { normalizer: labels || 1, microBatches: 1, step: Math.max(1, step) }
  const batch = dataCollator(rows)
  return partsOfLoss(inference(model, () => loss(model, batch, context)))
}

function padded(examples: readonly Example[]): LabelledBatch {
  const { batch, labels } = collate(examples)
  return { ...batch, labels }
}

/** `rewards/chosen` as `evalRewards/chosen`. */
function evalName(name: string): string {
  return `eval${name.charAt(0).toUpperCase()}${name.slice(1)}`
}
