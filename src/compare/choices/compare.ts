import { anyText, type OptionRules, readArgument, readOptions, whole } from '../../core/options.ts'
import { type Benchmark, readBenchmark } from '../../evaluate/benchmark.ts'
import { promptsOf } from '../../evaluate/few-shot.ts'
import { type AskOptions, askRules } from '../asking/ask-options.ts'
import { askAll } from '../asking/ask-all.ts'
import { type Contender, contenderRule } from '../contenders/contender.ts'
import { readContenders } from '../contenders/contender-names.ts'
import { type Comparison, comparisonOf } from './comparison.ts'
import { type ContenderScore, scoreOf } from './choice-score.ts'

/** How contenders are asked multiple-choice questions. */
export interface CompareOptions extends AskOptions {
  /** Solved examples before each question. Default 0. */
  readonly numFewshot?: number
  /** Which examples are drawn, by tasks that draw them. Default 1234, lm-evaluation-harness's. */
  readonly fewshotSeed?: number
  /**
   * What stands before each prompt for who writes an answer, with `{choices}` for what may be answered; '' for nothing.
   * Who weighs reads the prompt alone, as of the harness. Default: `usualInstruction`.
   */
  readonly instruction?: string
}

/** It asks for the form that the first step of `extractionRule` reads. */
export const usualInstruction = 'Answer the question below. End with "The answer is X.", where X is one of: {choices}.'

const rules: OptionRules<CompareOptions> = {
  ...askRules,
  numFewshot: whole({ from: 0 }),
  fewshotSeed: whole(),
  instruction: anyText,
}

/**
 * Asks a contender the questions of a task, with the prompts of lm-evaluation-harness. What it writes is read by
 * `extractionRule`; who weighs the choices is scored as by `evaluate`.
 * @throws MedAwareError `config` for no question, questions that the task cannot put, fewer examples than numFewshot
 * and senseless options; what the contender throws; and whatever `signal` is aborted with.
 */
export async function askQuestions(
  contender: Contender,
  benchmark: Benchmark,
  options: CompareOptions = {},
): Promise<ContenderScore> {
  const who = 'askQuestions'
  const asked = readArgument(who, 'the contender', contender, contenderRule)
  const read = readOptions(who, options, rules)
  const { numFewshot = 0, fewshotSeed = 1234, instruction = usualInstruction, ...asking } = read
  const { task, questions, examples } = readBenchmark(who, benchmark)
  const prompts = promptsOf(task, questions, { numFewshot, examples, fewshotSeed })
  const put = questions.map((question, i) => {
    const choices = task.choices(question)
    const { id = '', options, answer: target } = question
    const before =
      'answer' in asked && instruction !== ''
        ? `${instruction.replaceAll('{choices}', () => choices.join(', '))}\n\n`
        : ''
    return { id, prompt: `${before}${prompts[i] ?? ''}`, choices, options, target }
  })
  const answers = await askAll(asked, put, asking)
  return scoreOf(asked, task, numFewshot, put, answers)
}

/**
 * Asks several contenders the same questions, one after another, and compares their scores. Contenders that are not to
 * be in memory together can be asked one by one with `askQuestions`, and their scores given to `comparisonOf`.
 * @throws MedAwareError `config` for fewer than two, and two of one name; and as `askQuestions`.
 */
export async function compare(
  contenders: readonly Contender[],
  benchmark: Benchmark,
  options: CompareOptions = {},
): Promise<Comparison> {
  const scores: ContenderScore[] = []
  for (const contender of readContenders('compare', contenders)) {
    scores.push(await askQuestions(contender, benchmark, options))
  }
  return comparisonOf(scores)
}
