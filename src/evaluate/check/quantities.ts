import { type Claim, type ClaimFinder, without } from './claim.ts'
import { frequenciesIn } from './frequencies.ts'
import { numberFact, numberOf, numberPattern } from './number-words.ts'
import { type Unit, unitOf, unitPattern } from './units.ts'

/** One number, two that belong together such as 7 to 10, or a reading such as 140/90; then a unit. */
const quantity = new RegExp(
  `(${numberPattern})(?:\\s*(?:to|and|or|[-–/])\\s*(${numberPattern.replace(/^\(\?<!.*?\)(?=\(\?:)/, '')}))?` +
    `(?:[\\s-]*(${unitPattern}))?(?!\\p{L}|[-‐]?\\d)`,
  'giu',
)
/** Of time, one without a number. */
const oneOfTime = /(?<=\bfor )an? (minute|hour|day|week|month|year)(?!\p{L})/giu
const listMarks = /^[ \t]*\d{1,2}[.)](?=\s)/gmu

interface Quantity {
  readonly start: number
  readonly end: number
  readonly values: readonly number[]
  readonly unit: Unit | undefined
}

/** Doses, how often something is taken, and all other numbers. */
export const quantityFinder: ClaimFinder = {
  claims: (answer) => {
    const frequencies = frequenciesIn(answer)
    return [
      ...frequencies.map(({ start, end, fact }): Claim => ({ kind: 'dose', start, end, needs: [[fact]] })),
      ...quantitiesIn(without(answer, frequencies)).map(({ start, end, values, unit }): Claim => ({
        kind: unit?.isDose === true ? 'dose' : 'number',
        ...{ start, end },
        needs: values.map((value) => needsOf(value, unit)),
      })),
    ]
  },
  facts: (source) => {
    const frequencies = frequenciesIn(source, true)
    const amounts = quantitiesIn(source).flatMap(({ values, unit }) =>
      values.flatMap((value) => [
        `any ${numberFact(value)}`,
        unit === undefined ? `bare ${numberFact(value)}` : `${unit.family} ${numberFact(value * unit.factor)}`,
      ]),
    )
    return new Set([...frequencies.map(({ fact }) => fact), ...amounts])
  },
}

/** A number without a unit may stand for one with; a dose never. */
function needsOf(value: number, unit: Unit | undefined): string[] {
  if (unit === undefined) return [`any ${numberFact(value)}`]
  const same = `${unit.family} ${numberFact(value * unit.factor)}`
  return unit.isDose ? [same] : [same, `bare ${numberFact(value)}`]
}

function quantitiesIn(text: string): Quantity[] {
  const marks = [...text.matchAll(listMarks)].map(({ index, 0: mark }) => ({ start: index, end: index + mark.length }))
  const rest = without(text, marks)
  const found: Quantity[] = []
  for (const { index, 0: whole, 1: first = '', 2: second, 3: measure } of rest.matchAll(quantity)) {
    const unit = measure === undefined ? undefined : unitOf(measure)
    // "One" and "a" are seldom numbers, unless something is measured.
    if (/^one$/i.test(first) && second === undefined && unit === undefined) continue
    const values = [first, ...(second === undefined ? [] : [second])].map(numberOf)
    found.push({ start: index, end: index + whole.length, values, unit })
  }
  for (const { index, 0: whole, 1: measure = '' } of rest.matchAll(oneOfTime)) {
    found.push({ start: index, end: index + whole.length, values: [1], unit: unitOf(measure) })
  }
  return found
}
