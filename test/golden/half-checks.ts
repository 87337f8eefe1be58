import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { f16ToF32, f32ToF16 } from '../../src/core/float16.ts'
import { generateTokens } from '../../src/generate/generate.ts'
import type { Folder } from '../../src/hub/folder.ts'
import type { CausalLm, TokenBatch } from '../../src/models/causal-lm.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { equal, within, withinShare, worst, type Check, type LeftOut } from './check.ts'
import { batchOf, logitsOf } from './model-checks.ts'

// A model whose matrices are stored in f16 is held against two things. The same engine in f32 with matrices rounded to f16
// beforehand must give the same numbers, as near as any two orders of summing. Golden numbers are of unrounded weights, and
// rounding moves every product: a weight's error is evenly spread below 2^-11 of it, about 2^-12 of it on the mean square, and
// so is a product's share. A model's products err independently, one a matrix; five standard deviations are allowed, seven where
// gates multiply two of them, which has longer tails: transformers itself, with Falcon 3's golden weights rounded, errs by 6.1.

/** A model in f16 and the same in f32 with its matrices rounded to f16. */
export interface HalfPair<M> {
  readonly half: M
  readonly rounded: M
}

/** A folder whose checkpoint is that of another with all matrices rounded to f16. */
export async function roundedFolder(folder: Folder, checkpoint: TensorReader): Promise<Folder> {
  const tensors = []
  for (const name of checkpoint.names) {
    const { shape } = checkpoint.info(name)
    const values = await checkpoint.readF32(name)
    tensors.push({ name, dtype: 'F32', shape, data: shape.length === 2 ? f16ToF32(f32ToF16(values)) : values } as const)
  }
  const bytes = writeSafetensors(tensors, { format: 'pt' })
  return {
    ...folder,
    open: (fileName) =>
      fileName === 'model.safetensors' ? Promise.resolve(bytesSource(bytes, fileName)) : folder.open(fileName),
  }
}

/** What rounding weights to f16 may change, as a share of the root mean square. */
function shareOf(model: CausalLm): number {
  const weights = [...model.namedWeights()].filter(([name]) => !name.includes('lora_'))
  const names = weights.filter(([, { shape }]) => shape.length === 2).map(([name]) => name)
  // A head that is tied is the embeddings once more.
  const products = names.length + (names.includes('lm_head.weight') ? 0 : 1)
  const deviations = names.some((name) => name.includes('gate_proj')) ? 7 : 5
  return deviations * 2 ** -12 * Math.sqrt(products)
}

function rms(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length)
}

async function* logitChecks(
  what: string,
  { half, rounded }: HalfPair<CausalLm>,
  batch: TokenBatch,
  golden: Float32Array,
): AsyncGenerator<Check> {
  const { vocabSize } = half
  const seen = (logits: Float32Array) =>
    logits.filter((_, i) => batch.attentionMask?.[Math.floor(i / vocabSize)] !== 0).slice(-golden.length)
  const actual = seen(await logitsOf(half, batch))
  yield within(`${what} as of rounded weights in f32`, actual, seen(await logitsOf(rounded, batch)), 1e-4)
  yield within(`${what} against the golden numbers`, actual, golden, shareOf(half) * rms(golden))
}

/** The golden numbers of a base model that weights in f16 have: those of its forward pass. */
export async function* halfChecks(pair: HalfPair<CausalLm>, reference: TensorReader): AsyncGenerator<Check | LeftOut> {
  const golden = (name: string) => reference.readF32(name)
  yield* logitChecks('logits', pair, await batchOf(reference, 'input_ids'), await golden('logits'))
  const padded = await batchOf(reference, 'input_ids', 'padded_mask')
  const paddedLogits = (await golden('padded_logits')).filter(
    (_, i) => padded.attentionMask?.[Math.floor(i / pair.half.vocabSize)] !== 0,
  )
  yield* logitChecks('logits of left-padded rows', pair, padded, paddedLogits)
  const long = await golden('long_logits_last8')
  yield* logitChecks('last 8 logits at T=300', pair, await batchOf(reference, 'long_ids'), long)
  yield { name: 'gradients of the base', leftOut: 'weights in f16 are frozen' }

  const prompt = [...(await batchOf(reference, 'prompt_ids')).inputIds]
  const ids = [...((await reference.read('greedy_ids')) as Int32Array)]
  const [actual, expected] = [
    await greedy(pair.half, prompt, ids.length),
    await greedy(pair.rounded, prompt, ids.length),
  ]
  yield equal('greedy ids, cached, as of rounded weights in f32', actual, expected)
  const isSame = expected.every((id, i) => id === ids[i])
  if (isSame) yield equal('greedy ids, cached', actual, ids)
  else yield { name: 'greedy ids, cached', leftOut: 'rounded to f16, the weights choose other tokens in f32 as well' }
}

async function greedy(model: CausalLm, prompt: number[], length: number): Promise<number[]> {
  const ids = [...prompt]
  const options = { maxNewTokens: length - prompt.length, eosTokenId: null }
  for await (const [token] of generateTokens(model, [prompt], options)) ids.push(token ?? -1)
  return ids
}

/** The golden numbers of an adapter on a base in f16: logits, loss, gradients, and the merged model's logits. */
export async function* halfAdapterChecks(
  models: HalfPair<CausalLm>,
  adapters: HalfPair<Adapter>,
  base: TensorReader,
  reference: TensorReader,
): AsyncGenerator<Check> {
  const batch = await batchOf(base, 'input_ids')
  const labels = Int32Array.from((await base.read('labels')) as Int32Array)
  yield* logitChecks('logits', models, batch, await reference.readF32('logits'))
  const actual = await lossAndGradients(models.half, adapters.half, batch, labels)
  const expected = await lossAndGradients(models.rounded, adapters.rounded, batch, labels)
  const share = shareOf(models.half)
  yield within('loss as of rounded weights in f32', [actual.loss], [expected.loss], 1e-4)
  const spread = share * rms(await reference.readF32('logits'))
  yield within('loss against the golden number', [actual.loss], await reference.readF32('loss'), spread)
  const [asRounded, asGolden]: [Check[], Check[]] = [[], []]
  for (const [name, gradient] of actual.gradients) {
    asRounded.push(withinShare(name, gradient, expected.gradients.get(name) ?? [], 1e-3))
    // The way back goes through the same products as the way there.
    asGolden.push(withinShare(name, gradient, await reference.readF32(`grad.${name}`), Math.SQRT2 * share))
  }
  yield worst('gradients as of rounded weights in f32', asRounded)
  yield worst('gradients against the golden numbers', asGolden)
  const golden = await reference.readF32('merged_logits')
  adapters.half.merge()
  adapters.rounded.merge()
  yield* logitChecks('merged logits', models, batch, golden)
}

async function lossAndGradients(model: CausalLm, adapter: Adapter, batch: TokenBatch, labels: Int32Array) {
  const scope = model.device.memory.open()
  try {
    const { loss, grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
    const gradients = new Map<string, Float32Array>()
    for (const [name, tensor] of adapter.namedTrainable()) {
      gradients.set(name, (await grads.get(tensor)?.read()) ?? new Float32Array())
    }
    return { loss: await loss.item(), gradients }
  } finally {
    scope.close()
  }
}
