import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { bf16ToF32, f16ToF32 } from '../../src/core/float16.ts'
import { generateTokens } from '../../src/generate/generate.ts'
import type { Folder } from '../../src/io/sources/folder.ts'
import type { CausalLm, PretrainedLm, TokenBatch } from '../../src/models/causal-lm.ts'
import { Linear } from '../../src/nn/linear.ts'
import { add } from '../../src/ops/add.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { type HalfType, roundToHalf } from '../../src/tensor/half.ts'
import { equal, within, withinShare, worst, type Check, type LeftOut } from './check.ts'
import { type GoldenAdapter, type OpenAdapter, openGoldenAdapter } from './golden-adapter.ts'
import { batchOf, logitsOf, ownLogits } from './model-checks.ts'

// A model whose matrices are stored in 16 bits is held against two things. The same engine in f32 with matrices rounded
// so beforehand must give the same numbers, as near as any two orders of summing. Golden numbers are of unrounded
// weights, and rounding moves every product: to p significant bits, a weight's error is evenly spread below 2^-p of it,
// about 2^-(p + 1) of it on the mean square, and so is a product's share. The products of a model, its linear layers,
// table and head, err independently. The root mean square of the logits' errors may be half as much again as that
// makes; of single numbers five standard deviations are allowed.

/** Significant bits of each format, the hidden one included. */
const precision: Readonly<Record<HalfType, number>> = { f16: 11, bf16: 8 }

/** A model in 16 bits and the same in f32 with its matrices rounded. */
export interface HalfPair<M> {
  readonly half: M
  readonly rounded: M
}

/** A folder whose checkpoint is that of another with all matrices rounded to a format. */
export async function roundedFolder(folder: Folder, checkpoint: TensorReader, dtype: HalfType): Promise<Folder> {
  const widen = dtype === 'f16' ? f16ToF32 : bf16ToF32
  const tensors = []
  for (const name of checkpoint.names) {
    const { shape } = checkpoint.info(name)
    const values = await checkpoint.readF32(name)
    tensors.push({
      name,
      dtype: 'F32',
      shape,
      data: shape.length === 2 ? widen(roundToHalf(values, dtype, name)) : values,
    } as const)
  }
  const bytes = writeSafetensors(tensors, { format: 'pt' })
  return {
    ...folder,
    open: (fileName) =>
      fileName === 'model.safetensors' ? Promise.resolve(bytesSource(bytes, fileName)) : folder.open(fileName),
  }
}

/** What rounding weights changes, on the mean square, as a share of the root mean square. */
function shareOf(model: CausalLm, dtype: HalfType): number {
  const products = [...model.namedModules()].filter(([, module]) => module instanceof Linear).length + 2
  return 2 ** -(precision[dtype] + 1) * Math.sqrt(products)
}

function rms(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length)
}

async function* logitChecks(
  what: string,
  { half, rounded }: HalfPair<CausalLm>,
  dtype: HalfType,
  batch: TokenBatch,
  golden: Float32Array,
): AsyncGenerator<Check> {
  const { vocabSize } = half
  const seen = (logits: Float32Array) =>
    logits.filter((_, i) => batch.attentionMask?.[Math.floor(i / vocabSize)] !== 0).slice(-golden.length)
  const actual = seen(await logitsOf(half, batch))
  yield within(`${what} as of rounded weights in f32`, actual, seen(await logitsOf(rounded, batch)), 1e-4)
  const errors = actual.map((logit, i) => logit - (golden[i] ?? NaN))
  const bound = 1.5 * shareOf(half, dtype) * rms(golden)
  yield within(`${what} against the golden numbers, rms`, [rms(errors)], [0], bound)
}

/** The golden numbers of a base model that weights in 16 bits have: those of its forward pass. */
export async function* halfChecks(
  pair: HalfPair<CausalLm>,
  dtype: HalfType,
  reference: TensorReader,
): AsyncGenerator<Check | LeftOut> {
  const golden = (name: string) => reference.readF32(name)
  yield* logitChecks('logits', pair, dtype, await batchOf(reference, 'input_ids'), await golden('logits'))
  const padded = await batchOf(reference, 'input_ids', 'padded_mask')
  const paddedLogits = (await golden('padded_logits')).filter(
    (_, i) => padded.attentionMask?.[Math.floor(i / pair.half.vocabSize)] !== 0,
  )
  yield* logitChecks('logits of left-padded rows', pair, dtype, padded, paddedLogits)
  const long = await golden('long_logits_last8')
  yield* logitChecks('last 8 logits at T=300', pair, dtype, await batchOf(reference, 'long_ids'), long)
  yield { name: 'gradients of the base', leftOut: `weights in ${dtype} are frozen` }

  const prompt = [...(await batchOf(reference, 'prompt_ids')).inputIds]
  const ids = [...((await reference.read('greedy_ids')) as Int32Array)]
  const [actual, expected] = [
    await greedy(pair.half, prompt, ids.length),
    await greedy(pair.rounded, prompt, ids.length),
  ]
  yield equal('greedy ids, cached, as of rounded weights in f32', actual, expected)
  const isSame = expected.every((id, i) => id === ids[i])
  if (isSame) yield equal('greedy ids, cached', actual, ids)
  else
    yield { name: 'greedy ids, cached', leftOut: `rounded to ${dtype}, the weights choose other tokens in f32 as well` }
}

async function greedy(model: CausalLm, prompt: number[], length: number): Promise<number[]> {
  const ids = [...prompt]
  const options = { maxNewTokens: length - prompt.length, eosTokenId: null }
  for await (const [token] of generateTokens(model, [prompt], options)) ids.push(token ?? -1)
  return ids
}

/** The golden numbers of an adapter on a base in 16 bits: logits, loss, gradients, and the merged model's logits. */
export async function* halfAdapterChecks(
  models: HalfPair<PretrainedLm>,
  golden: GoldenAdapter,
  dtype: HalfType,
  base: TensorReader,
): AsyncGenerator<Check | LeftOut> {
  const { reference } = golden
  const half = await openGoldenAdapter(models.half, golden)
  const rounded = await openGoldenAdapter(models.rounded, golden)
  const batch = await batchOf(base, 'input_ids')
  const labels = Int32Array.from((await base.read('labels')) as Int32Array)
  yield* logitChecks('logits', models, dtype, batch, await ownLogits(reference, batch))
  if (half.untrainable !== null) yield { name: 'loss and gradients', leftOut: half.untrainable }
  else yield* halfGradientChecks(models, { half, rounded }, dtype, { batch, labels, reference })
  if (reference.has('merged_logits')) {
    half.adapter.merge()
    rounded.adapter.merge()
    yield* logitChecks('merged logits', models, dtype, batch, await reference.readF32('merged_logits'))
  } else yield { name: 'merged logits', leftOut: 'reference.safetensors has no merged_logits: PEFT does not merge it' }
}

async function* halfGradientChecks(
  models: HalfPair<PretrainedLm>,
  { half, rounded }: { readonly half: OpenAdapter; readonly rounded: OpenAdapter },
  dtype: HalfType,
  {
    batch,
    labels,
    reference,
  }: { readonly batch: TokenBatch; readonly labels: Int32Array; readonly reference: TensorReader },
): AsyncGenerator<Check | LeftOut> {
  const actual = await lossAndGradients(models.half, half, batch, labels)
  const expected = await lossAndGradients(models.rounded, rounded, batch, labels)
  const share = 5 * shareOf(models.half, dtype)
  yield within('loss as of rounded weights in f32', [actual.loss], [expected.loss], 1e-4)
  const spread = share * rms(await reference.readF32('logits'))
  yield within('loss against the golden number', [actual.loss], await reference.readF32('loss'), spread)
  const [asRounded, asGolden]: [Check[], Check[]] = [[], []]
  for (const [name, gradient] of actual.gradients) {
    asRounded.push(withinShare(name, gradient, expected.gradients.get(name) ?? [], 1e-3))
    // The way back goes through the same products as the way there.
    const bound = Math.SQRT2 * share
    if (reference.has(`grad.${name}`))
      asGolden.push(withinShare(name, gradient, await reference.readF32(`grad.${name}`), bound))
  }
  yield worst('gradients as of rounded weights in f32', asRounded)
  if (asGolden.length > 0) yield worst('gradients against the golden numbers', asGolden)
  else yield { name: 'gradients against the golden numbers', leftOut: 'reference.safetensors has none' }
}

async function lossAndGradients(
  model: CausalLm,
  { adapter, parameters }: OpenAdapter,
  batch: TokenBatch,
  labels: Int32Array,
) {
  const training = adapter.training({ who: 'halfAdapterChecks', steps: 1000, onWarning: () => undefined })
  const scope = model.device.memory.open()
  try {
    const { loss, grads } = valueAndGrad(model, () => {
      const [own, penalty] = [model.loss(batch, labels), training?.penalty() ?? null]
      return penalty === null ? own : add(own, penalty)
    })(null)
    const gradients = new Map<string, Float32Array>()
    for (const [name, tensor] of parameters)
      gradients.set(name, (await grads.get(tensor)?.read()) ?? new Float32Array())
    return { loss: await loss.item(), gradients }
  } finally {
    scope.close()
    training?.dispose()
  }
}
