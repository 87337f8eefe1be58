import { type Baselines, baselinesOf } from '../../evaluate/scores/baselines.ts'
import { macroF1 } from '../../evaluate/scores/macro-f1.ts'
import { type Proportion, proportion } from '../../evaluate/scores/proportion.ts'
import type { EvaluationTask } from '../../evaluate/tasks/task.ts'
import type { KeptAnswer } from '../asking/kept-answer.ts'
import { type Spending, spendingOf } from '../asking/spending.ts'
import type { Contender, Way } from '../contenders/contender.ts'
import { type ExtractedAnswer, extractAnswer } from './extract-answer.ts'

/**
 * What became of an answer: a choice was found in it (`answered`); or none was, since it is empty, was refused, was cut
 * off at the longest, the question was longer than what the model reads, or since it names none (`unclear`).
 */
export type Outcome = 'answered' | 'empty' | 'refused' | 'truncated' | 'too-long' | 'unclear'

/** A question with what a contender made of it. */
export interface ComparedAnswer {
  /** The question's. */
  readonly id: string
  /** The right choice, counted from 0, and the one that was found; `null` where none was, which counts as wrong. */
  readonly target: number
  readonly chosen: number | null
  readonly isCorrect: boolean
  readonly outcome: Outcome
  /** By which step of the rule; `null` where none found it, and for who weighs. */
  readonly step: ExtractedAnswer['step'] | null
  readonly answer: KeptAnswer
}

/** How well a contender answers the questions of a task. */
export interface ContenderScore {
  readonly contender: string
  readonly way: Way
  readonly task: string
  /** Solved examples before each question. */
  readonly numFewshot: number
  readonly n: number
  /** Share of the questions whose answer is right; what could not be read is wrong. */
  readonly acc: Proportion
  /** Over the task's labels; `null` where its choices are letters. An answer that could not be read misses its label. */
  readonly macroF1: number | null
  readonly baselines: Baselines
  /** Answers by what became of them; together they are all. */
  readonly outcomes: Readonly<Record<Outcome, number>>
  /** Answers that ran to the longest, whether a choice was found in them or not. */
  readonly cutOff: number
  readonly spending: Spending
  /** Each question, in the order given. */
  readonly documents: readonly ComparedAnswer[]
}

/** A question as it was put. */
export interface PutChoice {
  readonly choices: readonly string[]
  /** What the choices stand for. */
  readonly options: readonly string[]
  readonly target: number
}

/** Reads a contender's answers, and counts. */
export function scoreOf(
  contender: Contender,
  task: EvaluationTask,
  numFewshot: number,
  put: readonly PutChoice[],
  answers: readonly KeptAnswer[],
): ContenderScore {
  const documents = answers.map((answer, i) => {
    return compared(answer, put[i] ?? { choices: [], options: [], target: -1 })
  })
  const count = (outcome: Outcome) => documents.filter((each) => each.outcome === outcome).length
  const [first] = answers
  return {
    contender: contender.name,
    way: first?.way ?? 'generate',
    task: task.name,
    numFewshot,
    n: documents.length,
    acc: proportion(documents.map(({ isCorrect }) => isCorrect)),
    macroF1:
      task.labels === undefined
        ? null
        : macroF1(
            documents.map(({ target }) => target),
            documents.map(({ chosen }) => chosen),
          ),
    baselines: baselinesOf(task, put),
    outcomes: {
      answered: count('answered'),
      empty: count('empty'),
      refused: count('refused'),
      truncated: count('truncated'),
      'too-long': count('too-long'),
      unclear: count('unclear'),
    },
    cutOff: answers.filter(({ finish }) => finish === 'length').length,
    spending: spendingOf(contender, answers),
    documents,
  }
}

function compared(answer: KeptAnswer, { choices, options, target }: PutChoice): ComparedAnswer {
  const { id, text, finish, logLikelihoods } = answer
  const about = { id, target, answer }
  const judged = (chosen: number, step: ExtractedAnswer['step'] | null) => {
    return { ...about, chosen, isCorrect: chosen === target, outcome: 'answered' as const, step }
  }
  if (logLikelihoods !== null) return judged(logLikelihoods.indexOf(Math.max(...logLikelihoods)), null)
  // A refusal may name choices, and chooses none.
  const found = finish === 'refused' ? null : extractAnswer(text, choices, options)
  if (found !== null) return judged(found.choice, found.step)
  return { ...about, chosen: null, isCorrect: false, outcome: failureOf(answer), step: null }
}

const apology =
  /^\W*(?:I['’]?m (?:very )?sorry|I apologi[sz]e|sorry\b|I (?:cannot|can['’]t|am unable|am not able)|As an AI\b)/i

function failureOf({ text, finish }: KeptAnswer): Outcome {
  if (finish === 'too-long') return 'too-long'
  if (finish === 'refused' || apology.test(text)) return 'refused'
  if (text.trim() === '' && finish !== 'length') return 'empty'
  return finish === 'length' ? 'truncated' : 'unclear'
}
