import { nextTurn } from '#platform'
import { sha256 } from '../core/sha256.ts'
import {
  abortSignal,
  callback,
  listOf,
  type OptionRules,
  readArgument,
  readOptions,
  that,
  whole,
  withMethods,
} from '../core/options.ts'
import { modelRule, type PretrainedLm } from '../models/causal-lm.ts'
import { type Benchmark, readBenchmark } from './benchmark.ts'
import { promptsOf } from './few-shot.ts'
import { logLikelihoods } from './log-likelihood/log-likelihoods.ts'
import { type Part, partsOf, RequestEncoder, type ScoringTokenizer } from './log-likelihood/request.ts'
import type { DocumentScore } from './scores/document-score.ts'
import { type EvaluationReport, reportOf } from './scores/report.ts'

/** How a model is asked. */
export interface EvaluateOptions {
  /** Solved examples before each question. Default 0. */
  readonly numFewshot?: number
  /** Which examples are drawn, by tasks that draw them. Default 1234, the harness's. */
  readonly fewshotSeed?: number
  /**
   * Contexts a forward pass, shorter ones padded, which moves the last bits. Default 1, the harness's: nothing is
   * padded, and a prompt by itself keeps a processor busy.
   */
  readonly batchSize?: number
  /** Tokens that the model reads; a longer prompt loses its left end. Default: its config's maxPositionEmbeddings. */
  readonly maxLength?: number
  /**
   * What an evaluation that was broken off had found: a question whose prompt is the same is not asked again. They must
   * be of the same model. Default none.
   */
  readonly known?: readonly DocumentScore[]
  /** Called with each question that is new, as soon as all its choices are known; the longest come first. */
  readonly onDocument?: (score: DocumentScore) => void
  /** Called after each batch with how many questions are done. */
  readonly onProgress?: (done: number, total: number) => void
  /** Ends it with its reason between two batches. */
  readonly signal?: AbortSignal
}

const scoreRule = that('a score, as onDocument is given', (value): value is DocumentScore => {
  const {
    promptSha256,
    logLikelihoods: logs,
    isGreedy,
  } = (value ?? {}) as Partial<Record<keyof DocumentScore, unknown>>
  const isScored = Array.isArray(logs) && logs.every(Number.isFinite)
  return typeof promptSha256 === 'string' && isScored && Array.isArray(isGreedy) && isGreedy.length === logs.length
})

const rules: OptionRules<EvaluateOptions> = {
  numFewshot: whole({ from: 0 }),
  fewshotSeed: whole(),
  batchSize: whole({ from: 1 }),
  maxLength: whole({ from: 1 }),
  known: listOf(scoreRule),
  onDocument: callback(),
  onProgress: callback(),
  signal: abortSignal,
}

const tokenizerRule = withMethods<ScoringTokenizer>("a tokenizer, such as loadModel's", ['encode'])

/**
 * Asks a model multiple-choice questions as lm-evaluation-harness 0.4.13 does: its prompts, its split into tokens, and
 * the log-likelihood of each choice. A prompt is read once, whatever the number of choices.
 * @throws MedAwareError `config` for no question, questions that the task cannot put, fewer examples than numFewshot
 * and senseless options, `numeric` where logits are not finite, `memory`; and whatever `signal` is aborted with.
 */
export async function evaluate(
  model: PretrainedLm,
  tokenizer: ScoringTokenizer,
  benchmark: Benchmark,
  options: EvaluateOptions = {},
): Promise<EvaluationReport> {
  const who = 'evaluate'
  readArgument(who, 'model', model, modelRule)
  readArgument(who, 'tokenizer', tokenizer, tokenizerRule)
  const read = readOptions(who, options, rules)
  const { numFewshot = 0, fewshotSeed = 1234, batchSize = 1, known = [], onDocument, onProgress, signal } = read
  const { maxLength = model.config.maxPositionEmbeddings } = read
  const { task, questions, examples } = readBenchmark(who, benchmark)
  const prompts = promptsOf(task, questions, { numFewshot, examples, fewshotSeed })
  const put = questions.map((question, i) => {
    const prompt = prompts[i] ?? ''
    return { id: question.id ?? '', prompt, choices: task.choices(question), target: question.answer }
  })
  const earlier = new Map(known.map((score) => [score.promptSha256, score]))
  const digests = await Promise.all(put.map(({ prompt }) => sha256(prompt)))
  const asked = put.map((each, i) => {
    const promptSha256 = digests[i] ?? ''
    const score = earlier.get(promptSha256)
    const isSame = score?.logLikelihoods.length === each.choices.length
    return new AskedQuestion(each, promptSha256, isSame ? score : null)
  })
  let done = asked.filter(({ isDone }) => isDone).length
  const parts = await partsToAsk(tokenizer, asked, maxLength, signal)
  for (let begin = 0; begin < parts.length; begin += batchSize) {
    signal?.throwIfAborted()
    const batch = parts.slice(begin, begin + batchSize)
    const found = await logLikelihoods(model, batch)
    for (const [i, part] of batch.entries()) {
      part.of.take(part, found[i] ?? [])
      if (!part.of.isDone) continue
      done++
      onDocument?.(part.of.score)
    }
    onProgress?.(done, asked.length)
  }
  signal?.throwIfAborted()
  const scores = asked.map(({ score }) => score)
  return reportOf(task, numFewshot, put, scores)
}

/** Parts of all that is not known, the longest first, so that a lack of memory shows at once. */
async function partsToAsk(
  tokenizer: ScoringTokenizer,
  asked: readonly AskedQuestion[],
  maxLength: number,
  signal: AbortSignal | undefined,
) {
  const encoder = new RequestEncoder(tokenizer)
  const parts: (Part & { readonly of: AskedQuestion })[] = []
  for (const [i, of] of asked.entries()) {
    if (i % 32 === 0) await nextTurn()
    signal?.throwIfAborted()
    if (of.isDone) continue
    const request = encoder.encode(
      of.put.prompt,
      of.put.choices.map((choice) => ` ${choice}`),
    )
    parts.push(...partsOf(request, maxLength).map((part) => ({ ...part, of })))
  }
  return parts.sort((a, b) => b.context.length - a.context.length)
}

/** A question, and how likely each of its choices is as far as that is known. */
class AskedQuestion {
  readonly #promptSha256: string
  readonly #logs: number[] = []
  readonly #greedy: boolean[] = []
  #left: number

  constructor(
    readonly put: { readonly id: string; readonly prompt: string; readonly choices: readonly string[] },
    promptSha256: string,
    known: DocumentScore | null,
  ) {
    this.#promptSha256 = promptSha256
    this.#left = known === null ? put.choices.length : 0
    this.#logs.push(...(known?.logLikelihoods ?? []))
    this.#greedy.push(...(known?.isGreedy ?? []))
  }

  get isDone(): boolean {
    return this.#left === 0
  }

  get score(): DocumentScore {
    const { id } = this.put
    return { id, promptSha256: this.#promptSha256, logLikelihoods: [...this.#logs], isGreedy: [...this.#greedy] }
  }

  take({ places }: Part, found: Awaited<ReturnType<typeof logLikelihoods>>[number]): void {
    for (const [i, place] of places.entries()) {
      this.#logs[place] = found[i]?.logLikelihood ?? NaN
      this.#greedy[place] = found[i]?.isGreedy ?? false
    }
    this.#left -= places.length
  }
}
