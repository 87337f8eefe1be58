import { check } from '../../core/errors.ts'
import { anyText, type OptionRules, readArgument, readOptions, that } from '../../core/options.ts'
import type { Interval } from '../../evaluate/bootstrap.ts'
import { answerCheckerRules } from '../../evaluate/check/check-answer.ts'
import { checkAnswers, type CheckAnswersOptions } from '../../evaluate/check/check-answers.ts'
import { answerGroupRules, meanInterval, unitsOf } from '../../evaluate/text/answer-groups.ts'
import { rouge } from '../../evaluate/text/rouge.ts'
import { textFigures } from '../../evaluate/text/text-figures.ts'
import { askAll } from '../asking/ask-all.ts'
import { type AskOptions, askRules } from '../asking/ask-options.ts'
import type { KeptAnswer } from '../asking/kept-answer.ts'
import { type Spending, spendingOf } from '../asking/spending.ts'
import { readContenders } from '../contenders/contender-names.ts'
import { contenderRule, type WritingContender } from '../contenders/contender.ts'
import { readTextQuestions, type TextQuestion } from './text-question.ts'

/** How contenders are asked for texts, and how these are measured. */
export interface CompareTextsOptions extends AskOptions, Omit<CheckAnswersOptions, 'groups'> {
  /** What is asked, with `{question}` for the question. Default: the question alone. */
  readonly prompt?: string
}

/** What a contender wrote, in figures with bootstrap intervals over groups. */
export interface TextScore {
  readonly contender: string
  readonly n: number
  /** ROUGE's F-measure against the references. */
  readonly rouge1: Interval
  readonly rouge2: Interval
  readonly rougeL: Interval
  /** Words of an answer, and the share of its runs of four words that were there before. */
  readonly words: Interval
  readonly repeated4: Interval
  /** Share of the answers that `checkAnswers` flags against their sources, and flags of an answer. */
  readonly flagged: Interval
  readonly flags: Interval
  /** Answers that are empty, were refused, and ran to the longest. Empty ones are measured like others. */
  readonly empty: number
  readonly refused: number
  readonly cutOff: number
  readonly spending: Spending
  /** Each question in the order given, with its group and what its figures were. */
  readonly documents: readonly TextDocument[]
}

/** A question with what a contender wrote. */
export interface TextDocument {
  readonly id: string
  readonly group: string
  readonly rougeL: number
  readonly flags: number
  readonly answer: KeptAnswer
}

/** Two contenders on the same questions. */
export interface TextPair {
  readonly first: string
  readonly second: string
  /** The second's mean less the first's, question by question; intervals over groups. */
  readonly rougeL: Interval
  readonly flagged: Interval
}

/** What several contenders wrote. */
export interface TextComparison {
  readonly n: number
  readonly scores: readonly TextScore[]
  readonly pairs: readonly TextPair[]
}

const writingRule = that("a contender that writes, such as endpoint's", (value): value is WritingContender => {
  return contenderRule.read(value, '') !== undefined && 'answer' in (value as object)
})
const { groups: _, ...intervalRules } = answerGroupRules
const rules: OptionRules<CompareTextsOptions> = {
  ...askRules,
  ...answerCheckerRules,
  ...intervalRules,
  prompt: anyText,
}

/**
 * Asks a contender for texts, and measures them.
 * @throws MedAwareError `config` for no question, and senseless options; what the contender throws; and whatever
 * `signal` is aborted with.
 */
export async function askTexts(
  contender: WritingContender,
  questions: readonly TextQuestion[],
  options: CompareTextsOptions = {},
): Promise<TextScore> {
  const who = 'askTexts'
  const asked = readArgument(who, 'the contender', contender, writingRule)
  const read = readOptions(who, options, rules)
  const { prompt = '{question}', drugs = [], diseases = [], resamples, confidence, seed, ...asking } = read
  const rows = readTextQuestions(who, questions)
  const put = rows.map(({ id, question }) => {
    return { id, prompt: prompt.replaceAll('{question}', () => question), choices: [] }
  })
  const answers = await askAll(asked, put, asking)
  const texts = answers.map(({ text }) => text)
  const bootstrap = {
    ...(resamples !== undefined && { resamples }),
    ...(confidence !== undefined && { confidence }),
    ...(seed !== undefined && { seed }),
  }
  const groups = rows.map(({ group }) => group)
  const over = { ...bootstrap, groups }
  const references = rows.map(({ reference }) => reference)
  const { figures, scores } = rouge(texts, references, { ...over, rougeTypes: ['rouge1', 'rouge2', 'rougeL'] })
  const { words, repeated4 } = textFigures(texts, over)
  const sources = rows.map(({ source }) => source)
  const { flagged, flags } = checkAnswers(texts, sources, { ...over, drugs, diseases })
  const documents = answers.map((answer, i) => ({
    ...{ id: answer.id, group: rows[i]?.group ?? '', rougeL: scores[i]?.rougeL.fmeasure ?? 0 },
    ...{ flags: flags[i]?.length ?? 0, answer },
  }))
  return {
    ...{ contender: asked.name, n: answers.length },
    ...{ rouge1: figures.rouge1.fmeasure, rouge2: figures.rouge2.fmeasure, rougeL: figures.rougeL.fmeasure },
    ...{ words, repeated4, flagged },
    flags: meanInterval(unitsOf(who, documents, groups), (each) => each.flags, bootstrap),
    empty: texts.filter((text) => text.trim() === '').length,
    refused: answers.filter(({ finish }) => finish === 'refused').length,
    cutOff: answers.filter(({ finish }) => finish === 'length').length,
    spending: spendingOf(asked, answers),
    documents,
  }
}

/**
 * Asks several contenders for texts to the same questions, one contender after another, and compares them.
 * @throws MedAwareError `config` for fewer than two, and two of one name; and as `askTexts`.
 */
export async function compareTexts(
  contenders: readonly WritingContender[],
  questions: readonly TextQuestion[],
  options: CompareTextsOptions = {},
): Promise<TextComparison> {
  readContenders('compareTexts', contenders)
  const scores: TextScore[] = []
  for (const contender of contenders) scores.push(await askTexts(contender, questions, options))
  return textComparisonOf(scores)
}

/**
 * Compares what was written to the same questions.
 * @throws MedAwareError `config` for none, and unless all are of the same questions.
 */
export function textComparisonOf(scores: readonly TextScore[]): TextComparison {
  const who = 'textComparisonOf'
  const [first] = scores
  check(first !== undefined, 'config', () => `${who}: there is no score`)
  const idsOf = ({ documents }: TextScore) => documents.map(({ id }) => id).join('\n')
  const other = scores.find((score) => idsOf(score) !== idsOf(first))
  check(other === undefined, 'config', () => {
    return `${who}: ${first.contender} and ${other?.contender} were not asked the same questions in the same order`
  })
  const pairs = scores.flatMap((one, i) => scores.slice(i + 1).map((each) => pairOf(one, each)))
  return { n: first.n, scores, pairs }
}

function pairOf(first: TextScore, second: TextScore): TextPair {
  const both = first.documents.map((one, i) => {
    const other = second.documents[i] ?? one
    return { rougeL: other.rougeL - one.rougeL, flagged: +(other.flags > 0) - +(one.flags > 0), group: one.group }
  })
  const units = unitsOf(
    'textComparisonOf',
    both,
    both.map(({ group }) => group),
  )
  const mean = (of: 'rougeL' | 'flagged') => meanInterval(units, (each) => each[of], {})
  return { first: first.contender, second: second.contender, rougeL: mean('rougeL'), flagged: mean('flagged') }
}
