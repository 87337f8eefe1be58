import { numberFact, numberOf, numberPattern } from './number-words.ts'

/** How often, and where a text says so. */
export interface Frequency {
  readonly start: number
  readonly end: number
  /** Times an hour, so that twice a day is every 12 hours; two where it is a range. */
  readonly facts: readonly string[]
}

const hours: ReadonlyMap<string, number> = new Map([
  ['hour', 1],
  ['day', 24],
  ['dai', 24],
  ['night', 24],
  ['week', 168],
  ['month', 730],
  ['year', 8760],
])
const period = '(hour|day|dai|night|week|month|year)'
/** A day's life is no dose. */
const end = String.raw`(?:ly|s)?(?!\p{L}|\s+(?:life|living|activit|routine|task|basis|need|habit))`
const range = `(${numberPattern})(?:\\s*(?:to|or|[-–])\\s*(${numberPattern.replace(/^\(\?<!.*?\)(?=\(\?:)/, '')}))?`

const timesEach = new RegExp(
  `(?:(once|twice|thrice)|${range}\\s+times)\\s+(?:(?:a|per|each|every|in a)\\s+)?${period}${end}`,
  'giu',
)
const every = new RegExp(
  `(?<!\\p{L})(?:every|each)\\s+(?:(other|second|third|fourth)\\s+|${range}\\s+)?${period}${end}`,
  'giu',
)
const adverb = new RegExp(`(?<!\\p{L})${period}ly${end.replace('(?:ly|s)?', '')}`, 'giu')
const bare = new RegExp(`(?:/\\s*|(?<!\\p{L})(?:a|per)\\s+)${period}${end}`, 'giu')
/** Of prescriptions: bis, ter and quater in die. */
const latin = /(?<![\p{L}.])([btq])\.?i\.?d(?:\.|(?!\p{L}))/giu
/** What a day has one of. */
const atTime = new RegExp(
  String.raw`(?<!\p{L})(?:(?:in the|each|every) (morning|evening|afternoon)|at (bedtime|night|noon)|` +
    String.raw`(?:with|at|before|after) (?:each |every )?(breakfast|lunch|dinner|meal)s?)(?!\p{L})`,
  'giu',
)
const counts: ReadonlyMap<string, number> = new Map([
  ...[['once', 1] as const, ['twice', 2] as const, ['thrice', 3] as const],
  ...[['b', 2] as const, ['t', 3] as const, ['q', 4] as const],
  ...[['other', 2] as const, ['second', 2] as const, ['third', 3] as const, ['fourth', 4] as const],
])

/** @param isSource Whether "a day" counts as well, which in an answer belongs to an amount. */
export function frequenciesIn(text: string, isSource = false): Frequency[] {
  const found: Frequency[] = []
  const add = (pattern: RegExp, factsOf: (groups: readonly (string | undefined)[]) => string[]) => {
    for (const match of text.matchAll(pattern)) {
      const [start, stop] = [match.index, match.index + match[0].length]
      if (found.some((other) => start < other.end && other.start < stop)) continue
      found.push({ start, end: stop, facts: factsOf(match) })
    }
  }
  const often = (timesAnHour: number) => `often ${numberFact(timesAnHour)}`
  const hoursOf = (name: string | undefined) => hours.get(name?.toLowerCase() ?? '') ?? NaN
  const countOf = (word: string) => counts.get(word.toLowerCase()) ?? NaN
  const bounds = (...some: readonly (string | undefined)[]) => some.filter((each) => each !== undefined).map(numberOf)
  add(timesEach, ([, word, low, high, name]) => {
    return (word === undefined ? bounds(low, high) : [countOf(word)]).map((times) => often(times / hoursOf(name)))
  })
  add(every, ([, word, low, high, name]) => {
    const each = word !== undefined ? [countOf(word)] : low === undefined ? [1] : bounds(low, high)
    return each.map((number) => often(1 / (number * hoursOf(name))))
  })
  add(adverb, ([, name]) => [often(1 / hoursOf(name))])
  add(latin, ([, letter = '']) => [often(countOf(letter) / 24)])
  add(atTime, ([, part, moment, meal]) => [`at ${(part ?? moment ?? meal ?? '').toLowerCase()}`])
  if (isSource) add(bare, ([, name]) => [often(1 / hoursOf(name))])
  return found
}

/** A day or another period behind an amount: 6 g per day. */
export const perPeriod = new RegExp(`^\\s*((?:/|(?:a|per)\\s)\\s*${period}${end})`, 'iu')
