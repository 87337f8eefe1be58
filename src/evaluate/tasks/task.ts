import type { Question } from '../question.ts'

/** What people reach where it is published, as shares of 1. */
export interface HumanScore {
  readonly who: string
  readonly acc: number
  readonly macroF1?: number
  readonly source: string
}

/** How questions of a kind are put to a model: a task of lm-evaluation-harness with `output_type: multiple_choice`. */
export interface EvaluationTask {
  readonly name: string
  /** What stands before all else, in its own words and with its own blank lines. Default nothing. */
  readonly description?: string
  /** The question without its answer (doc_to_text). @throws MedAwareError `config` for one that it cannot put. */
  prompt(question: Question): string
  /** What may follow the prompt and a blank, in the options' order (doc_to_choice). */
  choices(question: Question): readonly string[]
  /**
   * Which of the examples stand before a question: the first ones (`first_n`), or as many drawn anew for each question
   * by Python's generator (the harness's default).
   */
  readonly sampler: 'first_n' | 'random'
  /** The answers there are, where those of all questions are the same and mean something: macro-F1 is over them. */
  readonly labels?: readonly string[]
  readonly humans?: readonly HumanScore[]
}
