import { generateTokens, type PretrainedLm, type TextTokenizer } from '../../src/index.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { type Check, equal, within } from '../golden/check.ts'
import { batchOf, logitsOf } from '../golden/model-checks.ts'
import { doubles, integers, type Numbers } from './numbers.ts'

/** What two implementations in f32 may differ by: torch's own logits are 6e-5 from those in double precision. */
export const logitBound = 2e-4

/** What to ask the model. */
export interface Questions {
  /** Prompts by name; all that the reference has where none is said. */
  readonly prompts?: readonly string[]
  /** Whether to go on greedily with each. */
  readonly isGreedy: boolean
}

/** The model's logits, token log-probabilities and greedy tokens behind the prompts of reference.safetensors. */
export async function* answerChecks(
  model: PretrainedLm,
  tokenizer: TextTokenizer,
  numbers: Numbers,
  { prompts, isGreedy }: Questions,
): AsyncGenerator<Check> {
  const reference = await numbers.tensors('reference.safetensors')
  const texts = JSON.parse(reference.metadata['prompts'] ?? '{}') as Readonly<Record<string, string>>
  const { vocabSize } = model
  for (const [prompt, text] of Object.entries(texts)) {
    if (prompts !== undefined && !prompts.includes(prompt)) continue
    const batch = await batchOf(reference, `${prompt}.input_ids`)
    yield equal(`${prompt}: ids`, tokenizer.encode(text), batch.inputIds)
    const logits = await logitsOf(model, batch)
    const row = (at: number) => logits.subarray(at * vocabSize, (at + 1) * vocabSize)
    const top = await integers(reference, `${prompt}.top50_ids`)
    const last = row(batch.inputIds.length - 1)
    const topLogits = Float32Array.from(top, (id) => last[id] ?? NaN)
    yield within(`${prompt}: top logits`, topLogits, await reference.readF32(`${prompt}.top50_logits`), logitBound)
    const own = batch.inputIds.subarray(1).map(Number)
    const logProbs = Float64Array.from(own, (id, at) => logProb(row(at), id))
    yield within(
      `${prompt}: token log-probabilities`,
      logProbs,
      await doubles(reference, `${prompt}.token_logprobs`),
      logitBound,
    )
    if (reference.has(`${prompt}.positions`)) {
      const positions = [...(await integers(reference, `${prompt}.positions`))]
      yield await rowsCheck(`${prompt}: all logits`, positions.map(row), reference, `${prompt}.logits`)
    }
    if (isGreedy) yield await greedyCheck(model, prompt, batch.inputIds, reference)
  }
}

/** Logits of some positions, one behind another. */
export async function rowsCheck(
  what: string,
  rows: readonly Float32Array[],
  reference: TensorReader,
  name: string,
): Promise<Check> {
  const wanted = await reference.readF32(name)
  const own = new Float32Array(wanted.length)
  const vocabSize = wanted.length / rows.length
  for (const [i, row] of rows.entries()) own.set(row, i * vocabSize)
  return within(`${what} at ${rows.length} positions`, own, wanted, logitBound)
}

/** Σ in double precision, over logits as they are. */
function logProb(logits: Float32Array, id: number): number {
  let largest = -Infinity
  for (const logit of logits) if (logit > largest) largest = logit
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - largest)
  return (logits[id] ?? NaN) - largest - Math.log(sum)
}

async function greedyCheck(
  model: PretrainedLm,
  prompt: string,
  ids: Int32Array,
  reference: TensorReader,
): Promise<Check> {
  const greedy = await integers(reference, `${prompt}.greedy_ids`)
  const generated: number[] = []
  const options = { maxNewTokens: greedy.length, eosTokenId: null, doSample: false }
  for await (const [token] of generateTokens(model, [[...ids]], options)) generated.push(token ?? -1)
  return equal(`${prompt}: ${greedy.length} greedy ids, cached`, generated, greedy)
}
