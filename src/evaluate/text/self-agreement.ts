import { check } from '../../core/errors.ts'
import { anyText, listOf, readArgument, readOptions } from '../../core/options.ts'
import type { Interval } from '../bootstrap.ts'
import { type AnswerGroupOptions, answerGroupRules, meanInterval, unitsOf } from './answer-groups.ts'
import { type RougeText, rougeTokenizer, scorePair } from './rouge-score.ts'

/** How far answers to one question agree, from 0 to 1: means over questions. */
export interface SelfAgreement {
  readonly questions: number
  /** Answers to each. */
  readonly runs: number
  /**
   * Share of the answers that are the commonest one: the normalised self-agreement rate of Buskila (2026, arXiv
   * 2604.10535). At least 1 ÷ runs, which is where all answers differ.
   */
  readonly agreement: Interval
  /** Different answers over all answers: the normalised response uniqueness rate of the same study. */
  readonly uniqueness: Interval
  /** Share of the pairs of answers that are the same; unlike `agreement`, it does not hang on the number of runs. */
  readonly samePairs: Interval
  /** ROUGE-L's F-measure, the mean of all pairs of answers: how much of the wording stays. */
  readonly rougeL: Interval
}

/**
 * Agreement of a model with itself over several seeds. Answers are the same where they are in small letters, without
 * what is neither letter nor digit, and with single spaces.
 * @param answers For each question the answers of each run, as many for every question.
 * @throws MedAwareError `config` for no question, fewer than two runs, runs that differ in number, and senseless
 * options.
 */
export function selfAgreement(
  answers: readonly (readonly string[])[],
  options: AnswerGroupOptions = {},
): SelfAgreement {
  const who = 'selfAgreement'
  const { groups, ...bootstrap } = readOptions(who, options, answerGroupRules)
  const questions = readArgument(who, 'answers', answers, listOf(listOf(anyText, 2)))
  const runs = questions[0]?.length ?? 0
  const odd = questions.findIndex(({ length }) => length !== runs)
  check(odd < 0, 'config', () => {
    return `${who}: question 0 has ${runs} answers and question ${odd} has ${questions[odd]?.length}; give as many for each`
  })
  const units = unitsOf(who, questions.map(agreementOf), groups)
  const mean = (of: keyof ReturnType<typeof agreementOf>) => meanInterval(units, (figures) => figures[of], bootstrap)
  return {
    questions: questions.length,
    runs,
    agreement: mean('agreement'),
    uniqueness: mean('uniqueness'),
    samePairs: mean('samePairs'),
    rougeL: mean('rougeL'),
  }
}

function agreementOf(
  answers: readonly string[],
): Readonly<Record<keyof Omit<SelfAgreement, 'questions' | 'runs'>, number>> {
  const counts = new Map<string, number>()
  for (const answer of answers.map(normalised)) counts.set(answer, (counts.get(answer) ?? 0) + 1)
  const tokenize = rougeTokenizer(false)
  const texts = answers.map(tokenize)
  const pairs = texts.flatMap((some, i) => texts.slice(i + 1).map((other) => [some, other] as const))
  const same = [...counts.values()].reduce((sum, count) => sum + (count * (count - 1)) / 2, 0)
  return {
    agreement: Math.max(...counts.values()) / answers.length,
    uniqueness: counts.size / answers.length,
    samePairs: same / pairs.length,
    rougeL: pairs.reduce((sum, pair) => sum + overlap(...pair), 0) / pairs.length,
  }
}

/** Two texts without words are alike, which ROUGE does not say. */
function overlap(some: RougeText, other: RougeText): number {
  if (some.words.length === 0 && other.words.length === 0) return 1
  return scorePair('rougeL', some, other).fmeasure
}

function normalised(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\s]/gu, '')
    .replace(/\s+/g, ' ')
    .trim()
}
