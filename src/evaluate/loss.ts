import { check } from '../core/errors.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import {
  abortSignal,
  type Aliases,
  callback,
  number,
  type OptionRules,
  readArgument,
  readOptions,
  whole,
} from '../core/options.ts'
import { modelRule } from '../models/causal-lm.ts'
import { collate, type Example, labelCount, readExamples } from '../models/example.ts'
import { inference } from '../models/inference.ts'
import { watchingLabels } from '../ops/loss/label-watch.ts'
import type { ExampleLoss } from './loss-by-group.ts'

/** How a loss is measured. */
export interface EvaluateLossOptions {
  /** Examples a forward pass. Default 8. */
  readonly batchSize?: number
  /**
   * Share of what is wanted that all tokens have alike, as a run's option of this name, from 0 to 1: the loss is that
   * of transformers' LabelSmoother. Each batch is gone through twice, for all else is of the labels themselves. Default
   * 0.
   */
  readonly labelSmoothingFactor?: number
  /** Called after each batch with how many examples are done. */
  readonly onProgress?: (done: number, total: number) => void
  /** Ends measuring with its reason between two batches. */
  readonly signal?: AbortSignal
}

const rules: OptionRules<EvaluateLossOptions> = {
  batchSize: whole({ from: 1 }),
  labelSmoothingFactor: number({ from: 0, to: 1 }),
  onProgress: callback(),
  signal: abortSignal,
}

/** What transformers calls them. */
const aliases: Aliases<EvaluateLossOptions> = { perDeviceEvalBatchSize: 'batchSize', evalBatchSize: 'batchSize' }

/** How well a model predicts some texts. */
export interface LossReport {
  /** Mean cross-entropy of a counted token, in nats, against labels smoothed as was asked. */
  readonly loss: number
  /** exp of the mean cross-entropy of labels that are not smoothed. */
  readonly perplexity: number
  /** Σ cross-entropy / (Σ bytes · ln 2), comparable between tokenizers; `null` unless every example says its bytes. */
  readonly bitsPerByte: number | null
  /**
   * Share of the counted tokens that are the likeliest of their place (TRL's mean_token_accuracy); `null` for a model
   * whose loss does not say.
   */
  readonly tokenAccuracy: number | null
  /** Tokens that were counted. */
  readonly tokens: number
  /** What each example that was given comes to, in their order; `null` for a model whose loss does not say. */
  readonly examples: readonly ExampleLoss[] | null
}

/**
 * Mean loss over the tokens with a label, each weighing the same wherever it stands. The first token of an example is
 * predicted only behind a prompt of vectors; examples without a label that is are passed over. Batches are padded on
 * the right, the longest examples first, so that a lack of memory shows at once.
 * @throws MedAwareError `config` when nothing has a label, for what are no examples of this vocabulary, and for
 * senseless options, `shape` when labels and ids differ in number, `numeric` when a loss is not finite, `memory`; and
 * whatever `signal` is aborted with.
 */
export async function evaluateLoss(
  model: CausalLm,
  examples: readonly Example[],
  options: EvaluateLossOptions = {},
): Promise<LossReport> {
  const {
    batchSize = 8,
    labelSmoothingFactor = 0,
    onProgress,
    signal,
  } = readOptions('evaluateLoss', options, rules, aliases)
  readArgument('evaluateLoss', 'model', model, modelRule)
  const rows = readExamples('evaluateLoss', examples, model.vocabSize)
  const counted = rows.filter((example) => labelCount(example, model) > 0)
  check(counted.length > 0, 'config', () => `evaluateLoss: none of ${rows.length} examples has a label to predict`)
  const sorted = counted.toSorted((a, b) => b.inputIds.length - a.inputIds.length)
  signal?.throwIfAborted()
  await prepare(model, sorted.slice(0, batchSize))
  let [smoothed, nats, hits] = [0, 0, 0]
  const natsOf = new Map<Example, number>()
  for (let begin = 0; begin < sorted.length; begin += batchSize) {
    signal?.throwIfAborted()
    const batch = sorted.slice(begin, begin + batchSize)
    const sums = await sumsOf(model, batch, labelSmoothingFactor)
    smoothed += sums.smoothed
    nats += sums.nats
    // One batch that does not say leaves the share unknown.
    hits += sums.hits ?? NaN
    batch.forEach((example, i) => natsOf.set(example, sums.each[i] ?? NaN))
    onProgress?.(begin + batch.length, sorted.length)
  }
  const tokens = counted.reduce((sum, example) => sum + labelCount(example, model), 0)
  const bytes = counted.reduce((sum, example) => sum + (example.bytes ?? NaN), 0)
  const bitsPerByte = bytes > 0 ? nats / (bytes * Math.LN2) : null
  const tokenAccuracy = Number.isNaN(hits) ? null : hits / tokens
  const losses = rows.map((example): ExampleLoss => {
    return { nats: natsOf.get(example) ?? 0, tokens: labelCount(example, model), bytes: example.bytes ?? null }
  })
  const each = losses.some((one) => Number.isNaN(one.nats)) ? null : losses
  const [loss, perplexity] = [smoothed / tokens, Math.exp(nats / tokens)]
  return { loss, perplexity, bitsPerByte, tokenAccuracy, tokens, examples: each }
}

/** Lets the device choose its programs for batches like this one. */
async function prepare(model: CausalLm, examples: readonly Example[]): Promise<void> {
  const { device } = model
  const { batch, labels } = collate(examples)
  await device.prepare(() => device.memory.scoped(() => void inference(model, () => model.loss(batch, labels, 1))))
}

/**
 * Σ cross-entropy of a batch, in nats, against its labels and against what they are smoothed to, how many of them are
 * the likeliest, null where that is not known, and the Σ of each example; none where that is not.
 */
async function sumsOf(model: CausalLm, examples: readonly Example[], smoothing: number) {
  const { batch, labels } = collate(examples)
  const lossOf = (share: number) => {
    return model.device.memory.rooted(() => inference(model, () => model.loss(batch, labels, 1, share)))
  }
  const { result: loss, hits, losses } = watchingLabels(() => lossOf(0))
  const other = smoothing === 0 ? null : lossOf(smoothing)
  try {
    const nats = await loss.item()
    const smoothed = other === null ? nats : await other.item()
    const count = hits === null ? null : await hits.item()
    const ofLabels = (await Promise.all(losses.map((some) => some.read()))).flatMap((some) => [...some])
    await model.device.settle()
    check(Number.isFinite(nats), 'numeric', () => `evaluateLoss: the loss of a batch is ${nats}`)
    return { nats, smoothed, hits: count, each: sumsOfEach(ofLabels, examples, model) }
  } finally {
    for (const tensor of [loss, other, hits, ...losses]) tensor?.dispose()
  }
}

/** Σ of each example's labels, which lie one behind another; none where there are not as many. */
function sumsOfEach(ofLabels: readonly number[], examples: readonly Example[], model: CausalLm): readonly number[] {
  const counts = examples.map((example) => labelCount(example, model))
  if (counts.reduce((sum, count) => sum + count, 0) !== ofLabels.length) return []
  let at = 0
  return counts.map((count) => ofLabels.slice(at, (at += count)).reduce((sum, nats) => sum + nats, 0))
}
