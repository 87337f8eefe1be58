import { numberFact, numberOf, numberPattern } from './number-words.ts'

/** How often, and where a text says so. */
export interface Frequency {
  readonly start: number
  readonly end: number
  /** Times an hour, so that twice a day is every 12 hours. */
  readonly fact: string
}

const hours: ReadonlyMap<string, number> = new Map([
  ['hour', 1],
  ['day', 24],
  ['dai', 24],
  ['night', 24],
  ['week', 168],
  ['month', 730],
])
const period = '(hour|day|dai|night|week|month)'
/** A day's life is no dose. */
const end = String.raw`(?:ly|s)?(?!\p{L}|\s+(?:life|living|activit|routine|task|basis|need|habit))`

const timesEach = new RegExp(
  `(?:(once|twice|thrice)|(${numberPattern})\\s+times)\\s+(?:(?:a|per|each|every|in a)\\s+)?${period}${end}`,
  'giu',
)
const every = new RegExp(`(?<!\\p{L})(?:every|each)\\s+(?:(other|${numberPattern})\\s+)?${period}${end}`, 'giu')
const adverb = new RegExp(`(?<!\\p{L})${period}ly${end.replace('(?:ly|s)?', '')}`, 'giu')
const bare = new RegExp(`(?<!\\p{L})(?:a|per)\\s+${period}${end}`, 'giu')
const counts: ReadonlyMap<string, number> = new Map([
  ['once', 1],
  ['twice', 2],
  ['thrice', 3],
])

/** @param isSource Whether "a day" counts as well, which in an answer belongs to an amount. */
export function frequenciesIn(text: string, isSource = false): Frequency[] {
  const found: Frequency[] = []
  const add = (pattern: RegExp, timesAnHour: (groups: readonly (string | undefined)[]) => number) => {
    for (const match of text.matchAll(pattern)) {
      const [start, stop] = [match.index, match.index + match[0].length]
      if (found.some((other) => start < other.end && other.start < stop)) continue
      found.push({ start, end: stop, fact: `often ${numberFact(timesAnHour(match))}` })
    }
  }
  const hoursOf = (name: string | undefined) => hours.get(name?.toLowerCase() ?? '') ?? NaN
  add(timesEach, ([, word, number, name]) => {
    return (word === undefined ? numberOf(number ?? '') : (counts.get(word.toLowerCase()) ?? NaN)) / hoursOf(name)
  })
  add(every, ([, number, name]) => {
    const each = number === undefined ? 1 : /^other$/i.test(number) ? 2 : numberOf(number)
    return 1 / (each * hoursOf(name))
  })
  add(adverb, ([, name]) => 1 / hoursOf(name))
  if (isSource) add(bare, ([, name]) => 1 / hoursOf(name))
  return found
}
