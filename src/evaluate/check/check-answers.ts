import { check } from '../../core/errors.ts'
import { anyText, listOf, readArgument, readOptions } from '../../core/options.ts'
import type { Interval } from '../bootstrap.ts'
import { type AnswerGroupOptions, answerGroupRules, meanInterval, unitsOf } from '../text/answer-groups.ts'
import { answerChecker, type AnswerCheckerOptions, answerCheckerRules, type AnswerFlag } from './check-answer.ts'
import { type ClaimKind, claimKinds } from './claim.ts'

/** What is known of names, and how intervals are found. */
export interface CheckAnswersOptions extends AnswerCheckerOptions, AnswerGroupOptions {}

/** What a set of answers says beyond its sources. */
export interface AnswersCheck {
  /** Share of the answers that have a flag. */
  readonly flagged: Interval
  /** Flags of each kind, of an answer. */
  readonly flagsPerAnswer: Readonly<Record<ClaimKind, Interval>>
  /** Of each answer. */
  readonly flags: readonly (readonly AnswerFlag[])[]
}

/**
 * `checkAnswer` of many answers: means, with bootstrap intervals over groups.
 * @param sources Of each answer: what it may rest on.
 * @throws MedAwareError `config` where they differ in number, for no answer, and for senseless options.
 */
export function checkAnswers(
  answers: readonly string[],
  sources: readonly string[],
  options: CheckAnswersOptions = {},
): AnswersCheck {
  const who = 'checkAnswers'
  const read = readOptions(who, options, { ...answerGroupRules, ...answerCheckerRules })
  const { drugs = [], diseases = [], groups, ...bootstrap } = read
  const texts = readArgument(who, 'answers', answers, listOf(anyText))
  const bases = readArgument(who, 'sources', sources, listOf(anyText))
  check(texts.length === bases.length, 'config', () => {
    return `${who}: there are ${texts.length} answers and ${bases.length} sources; give the source of each answer`
  })
  const checkOne = answerChecker({ drugs, diseases })
  const flags = texts.map((answer, i) => checkOne(answer, bases[i] ?? ''))
  const units = unitsOf(who, flags, groups)
  const perAnswer = (kind: ClaimKind) => {
    return meanInterval(units, (some) => some.filter((flag) => flag.kind === kind).length, bootstrap)
  }
  return {
    flagged: meanInterval(units, (some) => (some.length > 0 ? 1 : 0), bootstrap),
    flagsPerAnswer: Object.fromEntries(claimKinds.map((kind) => [kind, perAnswer(kind)])) as Record<
      ClaimKind,
      Interval
    >,
    flags,
  }
}
