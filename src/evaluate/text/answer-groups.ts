import { check } from '../../core/errors.ts'
import { anyText, listOf, type OptionRules } from '../../core/options.ts'
import { bootstrapInterval, type BootstrapOptions, bootstrapRules, type Interval } from '../bootstrap.ts'

/** How intervals of a figure over many answers are found. */
export interface AnswerGroupOptions extends BootstrapOptions {
  /**
   * The group of each answer, such as the disease that it is about. Intervals are over whole groups, since answers
   * about one disease are alike. Default: each answer by itself.
   */
  readonly groups?: readonly string[]
}

/** A rule for each of them. */
export const answerGroupRules: OptionRules<AnswerGroupOptions> = { ...bootstrapRules, groups: listOf(anyText) }

/**
 * Answers as units that are drawn together.
 * @throws MedAwareError `config` where there is no answer, or not one group for each.
 */
export function unitsOf<T>(who: string, answers: readonly T[], groups: readonly string[] | undefined): T[][] {
  check(answers.length > 0, 'config', () => `${who}: there is no answer to measure; give at least one`)
  if (groups === undefined) return answers.map((answer) => [answer])
  check(groups.length === answers.length, 'config', () => {
    return `${who}: there are ${answers.length} answers and ${groups.length} groups; give the group of each answer`
  })
  const units = new Map<string, T[]>()
  for (const [i, answer] of answers.entries()) {
    const name = groups[i] ?? ''
    const unit = units.get(name)
    if (unit === undefined) units.set(name, [answer])
    else unit.push(answer)
  }
  return [...units.values()]
}

type Sum = Readonly<Record<'total' | 'count', number>>

/** The mean of a figure over all answers of some units, each answer weighing alike. */
export function meanInterval<T>(
  units: readonly (readonly T[])[],
  figure: (answer: T) => number,
  options: BootstrapOptions,
): Interval {
  const sums = units.map((answers): Sum => ({
    total: answers.reduce((sum, answer) => sum + figure(answer), 0),
    count: answers.length,
  }))
  const sumOf = (drawn: readonly Sum[], of: keyof Sum) => drawn.reduce((sum, unit) => sum + unit[of], 0)
  return bootstrapInterval(sums, (drawn) => sumOf(drawn, 'total') / sumOf(drawn, 'count'), options)
}
