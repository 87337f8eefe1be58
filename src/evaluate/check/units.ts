/** What a number counts, in a measure that units of its family share. */
export interface Unit {
  readonly family: string
  readonly factor: number
  /** What is added behind the factor: degrees begin elsewhere. */
  readonly offset: number
  readonly isDose: boolean
}

type Row = readonly [pattern: string, family: string, factor: number, isDose: boolean, offset?: number]

const rows: readonly Row[] = [
  ['milligrams?|milligrammes?|mg', 'mg', 1, true],
  ['micrograms?|mcg|[µμ]g', 'mg', 0.001, true],
  ['kilograms?|kg', 'kg', 1, false],
  ['grams?|grammes?|g', 'mg', 1000, true],
  ['millilit(?:er|re)s?|ml|cc', 'ml', 1, true],
  ['lit(?:er|re)s?|l', 'ml', 1000, false],
  ['teaspoon(?:ful)?s?|tsp', 'ml', 5, true],
  ['tablespoon(?:ful)?s?|tbsp', 'ml', 15, true],
  ['international units?|units?|iu', 'unit', 1, true],
  ['meq', 'meq', 1, true],
  ['mmol', 'mmol', 1, true],
  ['tablets?|pills?|capsules?|caplets?', 'tablet', 1, true],
  ['drops?', 'drop', 1, true],
  ['puffs?|inhalations?', 'puff', 1, true],
  ['patch(?:es)?', 'patch', 1, true],
  ['doses?', 'dose', 1, true],
  ['%|percent|per cent', '%', 1, false],
  ['(?:°|degrees?) ?(?:c|celsius|centigrade)', 'celsius', 1, false],
  ['(?:°|degrees?) ?(?:f|fahrenheit)', 'celsius', 5 / 9, false, -160 / 9],
  ['mm hg', 'mm hg', 1, false],
  ['millimet(?:er|re)s?|mm', 'mm', 1, false],
  ['centimet(?:er|re)s?|cm', 'mm', 10, false],
  ['inch(?:es)?', 'mm', 25.4, false],
  ['pounds?|lbs?', 'pound', 1, false],
  ['fold|times', 'times', 1, false],
  ['minutes?|mins?', 'hour', 1 / 60, false],
  ['hours?|hrs?', 'hour', 1, false],
  ['days?', 'hour', 24, false],
  ['weeks?', 'hour', 168, false],
  ['months?', 'month', 1, false],
  ['years?', 'month', 12, false],
]

/** A unit of what was measured, and per what, as the source of a regular expression. */
export const unitPattern = [
  `(?:${rows.map(([pattern]) => pattern).join('|')})(?!\\p{L})`,
  String.raw`(?:\s*(?:/|per)\s*(?:kilogram|kg|dl|ml|l|lit(?:er|re)|dose)(?!\p{L}))?`,
].join('')

const known = rows.map(([pattern, family, factor, isDose, offset = 0]) => ({
  pattern: new RegExp(`^(?:${pattern})$`, 'iu'),
  ...{ family, factor, offset, isDose },
}))

/** The unit of what the pattern matches. */
export function unitOf(text: string): Unit | undefined {
  const [name = '', per = ''] = text.toLowerCase().split(/\s*(?:\/|\bper\s+(?!cent))\s*/)
  const unit = known.find(({ pattern }) => pattern.test(name.trim()))
  if (unit === undefined) return undefined
  const { family, factor, offset, isDose } = unit
  if (/^(kilogram|kg)$/.test(per)) return { family: `${family}/kg`, factor, offset, isDose }
  // A concentration is what a laboratory finds.
  if (/^(dl|ml|l|lit)/.test(per)) return { family: `${family}/${per}`, factor, offset, isDose: false }
  return { family, factor, offset, isDose }
}
