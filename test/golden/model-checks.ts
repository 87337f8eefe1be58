import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { generateTokens } from '../../src/generate/generate.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import type { CausalLm, TokenBatch } from '../../src/models/causal-lm.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { add } from '../../src/ops/add.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { equal, within, withinShare, worst, type Check, type LeftOut } from './check.ts'

const LOGITS = 1e-4
const GRADIENTS = 1e-3
const LOSS = 1e-5

/** Token ids of a golden file as a batch. */
export async function batchOf(reader: TensorReader, name: string, mask?: string): Promise<TokenBatch> {
  const [rows = 0, tokens = 0] = reader.info(name).shape
  const inputIds = Int32Array.from((await reader.read(name)) as Int32Array)
  if (mask === undefined) return { inputIds, shape: [rows, tokens] }
  return { inputIds, shape: [rows, tokens], attentionMask: Uint8Array.from((await reader.read(mask)) as Int32Array) }
}

/** Last names of the layers that have factors of LoRA in a golden file. */
export function adaptedNames(reader: TensorReader): readonly string[] {
  return [...new Set(reader.names.flatMap((name) => /(\w+)\.lora_A/.exec(name)?.[1] ?? []))]
}

/** Logits of a batch on the host. */
export async function logitsOf(model: CausalLm, batch: TokenBatch): Promise<Float32Array> {
  const scope = model.device.memory.open()
  try {
    return await model.forward(batch).read()
  } finally {
    scope.close()
  }
}

/** A reference's logits of a batch, without those of virtual tokens before the text, where it has them. */
export async function ownLogits(reference: TensorReader, { shape: [rows, tokens] }: TokenBatch): Promise<Float32Array> {
  const logits = await reference.readF32('logits')
  const [, all = 0, vocab = 0] = reference.info('logits').shape
  if (all === tokens) return logits
  const own = new Float32Array(rows * tokens * vocab)
  for (let row = 0; row < rows; row++) {
    const end = (row + 1) * all * vocab
    own.set(logits.subarray(end - tokens * vocab, end), row * tokens * vocab)
  }
  return own
}

/** Loss, and every gradient by the name `nameOf` gives its parameter. */
export async function gradientChecks(
  model: CausalLm,
  named: Iterable<readonly [string, Tensor]>,
  reader: TensorReader,
  prefix: string,
  input: {
    readonly batch: TokenBatch
    readonly labels: Int32Array
    readonly loss?: number
    /** What is added to the model's loss. */
    readonly penalty?: () => Tensor | null
  },
): Promise<Check[]> {
  const scope = model.device.memory.open()
  try {
    const { loss, grads } = valueAndGrad(model, () => {
      const [own, penalty] = [model.loss(input.batch, input.labels), input.penalty?.() ?? null]
      return penalty === null ? own : add(own, penalty)
    })(null)
    const checks: Check[] = []
    for (const [name, parameter] of named) {
      const expected = await reader.readF32(`${prefix}${name}`)
      const actual = (await grads.get(parameter)?.read()) ?? new Float32Array()
      checks.push(withinShare(name, actual, expected, GRADIENTS))
    }
    const wanted = reader.names.filter((name) => name.startsWith(prefix)).length
    const all = worst('gradients', checks)
    const complete = equal('gradients: every one of them', [checks.length], [wanted])
    const lossCheck = input.loss === undefined ? [] : [within('loss', [await loss.item()], [input.loss], LOSS)]
    return [...lossCheck, all, complete]
  } finally {
    scope.close()
  }
}

/** Everything that `reference.safetensors` of a base model holds. */
export async function* modelChecks(model: PretrainedLm, reference: TensorReader): AsyncGenerator<Check | LeftOut> {
  const batch = await batchOf(reference, 'input_ids')
  const labels = Int32Array.from((await reference.read('labels')) as Int32Array)
  yield within('logits', await logitsOf(model, batch), await reference.readF32('logits'), LOGITS)

  model.setRequiresGrad(true)
  const named = [...model.namedWeights()].filter((entry): entry is [string, Tensor] => 'dtype' in entry[1])
  const loss = (await reference.readF32('loss'))[0] ?? NaN
  yield* await gradientChecks(model, named, reference, 'grad.', { batch, labels, loss })
  model.setRequiresGrad(false)

  for (const [name, check] of [
    ['padded_logits', paddedCheck],
    ['long_logits_last8', longCheck],
    ['greedy_ids', greedyCheck],
  ] as const) {
    yield reference.has(name) ? await check(model, reference) : { name, leftOut: 'reference.safetensors has none' }
  }
}

async function paddedCheck(model: PretrainedLm, reference: TensorReader): Promise<Check> {
  const padded = await batchOf(reference, 'input_ids', 'padded_mask')
  const [actual, expected] = [await logitsOf(model, padded), await reference.readF32('padded_logits')]
  const { vocabSize } = model
  const seen = (values: Float32Array) =>
    values.filter((_, i) => padded.attentionMask?.[Math.floor(i / vocabSize)] !== 0)
  return within('logits of left-padded rows, where there is a token', seen(actual), seen(expected), LOGITS)
}

async function longCheck(model: PretrainedLm, reference: TensorReader): Promise<Check> {
  const last = (await logitsOf(model, await batchOf(reference, 'long_ids'))).slice(-8 * model.vocabSize)
  return within('last 8 logits at T=300', last, await reference.readF32('long_logits_last8'), LOGITS)
}

async function greedyCheck(model: PretrainedLm, reference: TensorReader): Promise<Check> {
  const prompt = [...(await batchOf(reference, 'prompt_ids')).inputIds]
  const greedy = [...((await reference.read('greedy_ids')) as Int32Array)]
  const generated: number[] = []
  const options = { maxNewTokens: greedy.length - prompt.length, eosTokenId: null }
  for await (const [token] of generateTokens(model, [prompt], options)) generated.push(token ?? -1)
  return equal('greedy ids, cached', [...prompt, ...generated], greedy)
}
