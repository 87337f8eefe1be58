import { anyText, either, listOf, type OptionRules, readArgument, readOptions } from '../../core/options.ts'
import type { ClaimKind } from './claim.ts'
import { directiveFinder } from './directives.ts'
import { diseaseFinder } from './diseases.ts'
import { drugFinder } from './drugs.ts'
import type { SameNames } from './names.ts'
import { quantityFinder } from './quantities.ts'

/** Names beyond those that rules and the lists of common ones find. */
export interface AnswerCheckerOptions {
  /** Names of drugs; a list within it are names of one drug. Default: none. */
  readonly drugs?: readonly SameNames[]
  /** Names of diseases; a list within it are names of one disease. Default: none. */
  readonly diseases?: readonly SameNames[]
}

/** Something that an answer says and its source does not. */
export interface AnswerFlag {
  readonly kind: ClaimKind
  readonly text: string
  /** Of the text in the answer, as `slice` counts. */
  readonly start: number
  readonly end: number
}

const names = listOf(either(anyText, listOf(anyText, 1)))
/** A rule for each of them. */
export const answerCheckerRules: OptionRules<AnswerCheckerOptions> = { drugs: names, diseases: names }

/**
 * Makes a checker of answers that knows names of drugs and diseases; of many answers it reads the lists once.
 * @returns As `checkAnswer`.
 * @throws MedAwareError `config` for senseless options.
 */
export function answerChecker(options: AnswerCheckerOptions = {}): (answer: string, source: string) => AnswerFlag[] {
  const who = 'checkAnswer'
  const { drugs = [], diseases = [] } = readOptions(who, options, answerCheckerRules)
  const finders = [quantityFinder, drugFinder(drugs), diseaseFinder(diseases), directiveFinder]
  return (answer, source) => {
    const [given, basis] = [readArgument(who, 'answer', answer, anyText), readArgument(who, 'source', source, anyText)]
    const flags = finders.flatMap((finder) => {
      const facts = finder.facts(basis)
      const isBorneOut = (needs: readonly (readonly string[])[]) =>
        needs.every((each) => each.some((one) => facts.has(one)))
      return finder.claims(given).filter(({ needs }) => !isBorneOut(needs))
    })
    return flags
      .map(({ kind, start, end }) => ({ kind, text: given.slice(start, end), start, end }))
      .sort((a, b) => a.start - b.start)
  }
}

/**
 * Flags what an answer says and its source does not: doses and how often they are taken, other numbers, names of drugs
 * and diseases, and directives such as "take" and "do not stop". English, by rules: it compares words and amounts, and
 * knows no meaning. 500 mcg is 0.5 mg to it, and twice a day is every 12 hours.
 *
 * It cannot see a false statement in the source's own words, whom a number is about, a name that it has no rule and no
 * list for, nor that two names mean the same which no list has together. No flag does not mean that an answer is right.
 * @param source What the answer may rest on: a reference answer, a page, with the question where that counts.
 * @throws MedAwareError `config` for what is no text and for senseless options.
 */
export function checkAnswer(answer: string, source: string, options: AnswerCheckerOptions = {}): AnswerFlag[] {
  return answerChecker(options)(answer, source)
}
