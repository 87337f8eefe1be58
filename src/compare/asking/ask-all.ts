import { nextTurn } from '#platform'
import { check } from '../../core/errors.ts'
import { sha256 } from '../../core/sha256.ts'
import { show } from '../../core/show.ts'
import { type Contender, wayOf } from '../contenders/contender.ts'
import type { AskOptions } from './ask-options.ts'
import type { KeptAnswer } from './kept-answer.ts'

/** What a contender is asked. */
export interface Put {
  readonly id: string
  readonly prompt: string
  /** What may be answered, for who weighs; none where an answer is a text of any kind. */
  readonly choices: readonly string[]
}

/** lm-evaluation-harness's max_gen_toks. */
export const usualMaxTokens = 256

/**
 * Asks a contender all that is not known, as many at a time as it takes. When one question fails, those under way are
 * waited for, so that nothing that was paid for is lost, and then it throws.
 * @returns An answer to each, in their order. @throws What `answer` or `weigh` throws, and the signal's reason.
 */
export async function askAll(
  contender: Contender,
  put: readonly Put[],
  { maxTokens = usualMaxTokens, known = [], onAnswer, onProgress, signal }: AskOptions,
): Promise<KeptAnswer[]> {
  const { identity, name } = contender
  const way = wayOf(contender)
  const earlier = new Map<string, KeptAnswer>()
  for (const each of known) {
    const isSame = each.identity === identity && each.way === way
    // How long an answer may be is nothing to who weighs.
    if (isSame && (way === 'log-likelihood' || each.maxTokens === maxTokens)) earlier.set(each.promptSha256, each)
  }
  const digests = await Promise.all(put.map(({ prompt }) => sha256(prompt)))
  const answers = put.map(({ id, choices }, i): KeptAnswer | undefined => {
    const found = earlier.get(digests[i] ?? '')
    const isWhole = found?.logLikelihoods == null || found.logLikelihoods.length === choices.length
    return found !== undefined && isWhole ? { ...found, contender: name, id } : undefined
  })
  const open = put.flatMap((question, i) => (answers[i] === undefined ? [{ question, i }] : []))
  let [done, hasFailed] = [put.length - open.length, false]
  // One iterator for all who ask: each question is taken once.
  const rest = open.values()
  const askSome = async (): Promise<void> => {
    for (const { question, i } of rest) {
      if (hasFailed) return
      // What answers without waiting for anything would let nobody press Ctrl-C.
      await nextTurn()
      signal?.throwIfAborted()
      const started = performance.now()
      const found = await askOne(contender, question, { maxTokens, signal })
      const answer = {
        ...{ contender: name, identity, way, id: question.id, promptSha256: digests[i] ?? '', prompt: question.prompt },
        ...{ maxTokens, ...found, seconds: found.seconds ?? (performance.now() - started) / 1000 },
      }
      answers[i] = answer
      done++
      onAnswer?.(answer)
      onProgress?.(done, put.length, name)
    }
  }
  const abreast = 'answer' in contender ? (contender.concurrency ?? 1) : 1
  const asking = Array.from({ length: Math.min(abreast, open.length) }, async () => {
    try {
      await askSome()
    } catch (error) {
      hasFailed = true
      throw error
    }
  })
  for (const ended of await Promise.allSettled(asking)) if (ended.status === 'rejected') throw ended.reason
  signal?.throwIfAborted()
  return answers.filter((answer) => answer !== undefined)
}

type Found = Pick<
  KeptAnswer,
  'text' | 'finish' | 'promptTokens' | 'completionTokens' | 'servedBy' | 'logLikelihoods'
> & {
  readonly seconds?: number
}

async function askOne(
  contender: Contender,
  { id, prompt, choices }: Put,
  { maxTokens, signal }: { readonly maxTokens: number; readonly signal: AbortSignal | undefined },
): Promise<Found> {
  const stop = signal === undefined ? {} : { signal }
  if ('answer' in contender) {
    const { servedBy = null, ...answer } = await contender.answer(prompt, { maxTokens, ...stop })
    check(typeof answer.text === 'string', 'config', () => {
      return `compare: ${contender.name} answered question ${show(id)} with ${show(answer.text)}, which is no text`
    })
    return { ...answer, servedBy, logLikelihoods: null }
  }
  const { logLikelihoods, promptTokens } = await contender.weigh(prompt, choices, stop)
  check(logLikelihoods.length === choices.length && logLikelihoods.every(Number.isFinite), 'config', () => {
    const wanted = `a finite number for each of its ${choices.length} choices`
    return `compare: ${contender.name} weighed question ${show(id)} as ${show(logLikelihoods)}, not ${wanted}`
  })
  const likeliest = logLikelihoods.indexOf(Math.max(...logLikelihoods))
  const text = choices[likeliest] ?? ''
  return { text, finish: 'stop', promptTokens, completionTokens: 0, servedBy: null, logLikelihoods }
}
