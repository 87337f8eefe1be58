import { check } from '../../core/errors.ts'
import type { EvaluationTask } from '../tasks/task.ts'
import { type Baselines, baselinesOf } from './baselines.ts'
import { chooseAnswer, type ChosenAnswer, type DocumentScore } from './document-score.ts'
import { macroF1 } from './macro-f1.ts'
import { type Proportion, proportion, wilson } from './proportion.ts'

/** How well a model answers the questions of a task, and what that is to be held against. */
export interface EvaluationReport {
  readonly task: string
  /** Solved examples before each question. */
  readonly numFewshot: number
  readonly n: number
  /** Share of the questions whose likeliest choice is right. */
  readonly acc: Proportion
  /** The same with log-likelihoods divided by the choices' characters. */
  readonly accNorm: Proportion
  /** The same with log-likelihoods divided by the choices' bytes of UTF-8. */
  readonly accBytes: Proportion
  /** Over the task's labels; `null` where its choices are letters, which mean something else in each question. */
  readonly macroF1: number | null
  readonly baselines: Baselines
  /** Each question, in the order given. */
  readonly documents: readonly ChosenAnswer[]
}

/** A question of a task as it was put. */
export interface PutQuestion {
  readonly choices: readonly string[]
  readonly target: number
}

/** Scores as lm-evaluation-harness 0.4.13 has them, with their baselines. */
export function reportOf(
  task: EvaluationTask,
  numFewshot: number,
  questions: readonly PutQuestion[],
  scores: readonly DocumentScore[],
): EvaluationReport {
  const documents = scores.map((score, i) => {
    return chooseAnswer(score, questions[i]?.choices ?? [], questions[i]?.target ?? -1)
  })
  const [right, chosen] = [documents.map(({ target }) => target), documents.map((each) => each.chosen)]
  return {
    task: task.name,
    numFewshot,
    n: documents.length,
    acc: proportion(documents.map(({ isCorrect }) => isCorrect)),
    accNorm: proportion(documents.map(({ isCorrectByCharacter }) => isCorrectByCharacter)),
    accBytes: proportion(documents.map(({ isCorrectByByte }) => isCorrectByByte)),
    macroF1: task.labels === undefined ? null : macroF1(right, chosen),
    baselines: baselinesOf(task, questions),
    documents,
  }
}

/** Scores of several tasks together. */
export interface GroupReport {
  readonly group: string
  readonly tasks: readonly string[]
  readonly n: number
  /** Means weighted by the tasks' questions; `stderr` pools their variances. */
  readonly acc: Proportion
  readonly accNorm: Proportion
  /** Of the best constant answer to each task, and of drawing. */
  readonly constant: number
  readonly chance: number
}

/**
 * Scores of several tasks as one, such as MMLU's subjects: weighted by size, with the harness's pooled standard error
 * (api/metrics.py, aggregate_subtask_metrics and pooled_sample_stderr).
 * @throws MedAwareError `config` for no report.
 */
export function groupReport(group: string, reports: readonly EvaluationReport[]): GroupReport {
  check(reports.length > 0, 'config', () => `groupReport: ${group} is of no report`)
  const n = reports.reduce((sum, report) => sum + report.n, 0)
  const mean = (of: (report: EvaluationReport) => number) => {
    return reports.reduce((sum, report) => sum + of(report) * report.n, 0) / n
  }
  const pooled = (of: (report: EvaluationReport) => Proportion): Proportion => {
    const value = mean((report) => of(report).value)
    const squares = reports.reduce((sum, report) => {
      return sum + (report.n - 1) * (of(report).stderr ?? NaN) ** 2 * report.n
    }, 0)
    const stderr = Math.sqrt(squares / (n - reports.length) / n)
    return { value, stderr: Number.isNaN(stderr) ? null : stderr, ...wilson(Math.round(value * n), n) }
  }
  return {
    group,
    tasks: reports.map(({ task }) => task),
    n,
    acc: pooled((report) => report.acc),
    accNorm: pooled((report) => report.accNorm),
    constant: mean((report) => report.baselines.constant.acc),
    chance: mean((report) => report.baselines.chance),
  }
}
