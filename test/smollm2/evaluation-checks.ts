import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  evaluate,
  type EvaluationReport,
  type PretrainedLm,
  type Question,
  type TextTokenizer,
} from '../../src/index.ts'
import { type Check, equal, within } from '../golden/check.ts'
import { logitBound } from './answer-checks.ts'
import type { Numbers } from './numbers.ts'

/** A task as lm-evaluation-harness ran it: lm-eval-public.json. */
interface PublicTask {
  /** Of the questions, in the folder of benchmarks. */
  readonly file: string
  readonly results: {
    readonly n: number
    readonly acc: number
    readonly acc_stderr: number
    readonly acc_norm?: number
  }
  readonly docs: readonly {
    readonly id: string
    readonly loglikelihoods: readonly number[]
    readonly is_greedy: readonly boolean[]
    readonly acc: number
    readonly acc_norm?: number
    readonly prompt_sha256: string
  }[]
}

/** The first questions of PubMedQA and MedQA, as lm-evaluation-harness scores them; at most `most` of each. */
export async function* evaluationChecks(
  model: PretrainedLm,
  tokenizer: TextTokenizer,
  numbers: Numbers,
  { benchmarks, most }: { readonly benchmarks: string; readonly most: number },
): AsyncGenerator<Check> {
  const { tasks } = numbers.json('lm-eval-public.json') as { readonly tasks: Readonly<Record<string, PublicTask>> }
  for (const [task, { file, results, docs }] of Object.entries(tasks)) {
    const n = Math.min(most, docs.length)
    const lines = readFileSync(join(benchmarks, file), 'utf8').split('\n').slice(0, n)
    const questions = lines.map((line) => JSON.parse(line) as Question)
    const report = await evaluate(model, tokenizer, { task, questions }, { batchSize: 1 })
    yield* documentChecks(`${task}, ${n} questions`, report, docs.slice(0, n))
    if (n < docs.length) continue
    const { acc, accNorm } = report
    yield within(
      `${task}: acc and its standard error`,
      [acc.value, acc.stderr ?? NaN],
      [results.acc, results.acc_stderr],
      1e-12,
    )
    if (results.acc_norm !== undefined) yield within(`${task}: acc_norm`, [accNorm.value], [results.acc_norm], 1e-12)
  }
}

function* documentChecks(what: string, { documents }: EvaluationReport, docs: PublicTask['docs']): Generator<Check> {
  const own = documents.flatMap(({ logLikelihoods }) => logLikelihoods)
  const theirs = docs.flatMap(({ loglikelihoods }) => loglikelihoods)
  yield within(`${what}: log-likelihoods`, own, theirs, logitBound)
  const differing = docs.filter((doc, i) => {
    const document = documents[i]
    const isSame =
      document?.promptSha256 === doc.prompt_sha256 &&
      document.isCorrect === (doc.acc === 1) &&
      document.isGreedy.every((isGreedy, choice) => isGreedy === doc.is_greedy[choice]) &&
      document.chosen === doc.loglikelihoods.indexOf(Math.max(...doc.loglikelihoods))
    return !isSame
  })
  yield equal(`${what}: prompts, chosen answers and what is greedy`, [differing.length], [0])
}
