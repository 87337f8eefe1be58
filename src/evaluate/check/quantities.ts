import { type Claim, type ClaimFinder, without } from './claim.ts'
import { frequenciesIn, type Frequency, perPeriod } from './frequencies.ts'
import { numberFact, numberOf, numberPattern, powerOf } from './number-words.ts'
import { sharesIn } from './shares.ts'
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
/** What is said of a medicine: how it is had. */
const ofMedicine = new RegExp(
  String.raw`(?<!\p{L})(?:tak(?:e|en|es|ing)|given?|dos(?:e|es|age)|tablets?|capsules?|pills?|drops|inject\p{L}*|` +
    String.raw`medicines?|drugs?|antibiotics?|treat(?:ed|ment)?|vaccin\p{L}+|cream|inhaler|syrup|shots?)(?!\p{L})`,
  'iu',
)
/** What is done so many times, and is no medicine. */
const ofLife =
  /(?<!\p{L})(?:walk|exercis|swim|stretch|visit|check|exam|screen|scan|seen|wash|brush|eat|drink|sleep|meals?|active)/iu
/** How long a medicine is had. */
const lasting = /(?:for|until|over|after)(?: (?:at least|at most|up to|about|the first|age|another))?\s+$/iu

interface Quantity {
  readonly start: number
  readonly end: number
  readonly values: readonly number[]
  readonly unit: Unit | undefined
}

/** Doses, how often something is taken, and all other numbers. */
export const quantityFinder: ClaimFinder = {
  claims: (answer) => {
    const often = frequenciesIn(answer)
    const amounts = quantitiesIn(without(answer, often))
    const sentenceOf = (at: number) => sentenceAt(answer, at)
    const hasAmount = ([from, to]: readonly [number, number]) => {
      return amounts.some(({ start, unit }) => unit?.isDose === true && from <= start && start < to)
    }
    const isMedicine = (at: number) => {
      const sentence = sentenceOf(at)
      return hasAmount(sentence) || ofMedicine.test(answer.slice(...sentence))
    }
    const frequencies = often.flatMap(({ start, end, facts }): Claim[] => {
      const sentence = sentenceOf(start)
      const isOfLife = !hasAmount(sentence) && ofLife.test(answer.slice(...sentence))
      // Signs are worse at night; that is no dose.
      if (facts.some((fact) => fact.startsWith('at ')) && !isMedicine(start)) return []
      const words = answer.slice(start, end)
      // What happens each year is no claim; twice a year is.
      if ((isOfLife || /year/i.test(words)) && !/\d|times|twice|once|other|two|three|four|five|six/i.test(words))
        return []
      const isDose = !isOfLife && !/year/i.test(words)
      return [{ kind: isDose ? 'dose' : 'number', start, end, needs: facts.map((fact) => [fact]) }]
    })
    const doses = amounts.map(({ start, end, values, unit }): Claim => {
      const isHad = isTime(unit) && lasting.test(answer.slice(0, start)) && isMedicine(start)
      const needs = values.map((value) => needsOf(value, unit))
      return { kind: unit?.isDose === true || isHad ? 'dose' : 'number', start, end, needs }
    })
    return [...frequencies, ...doses, ...amounts.flatMap((amount) => periodBehind(answer, amount))]
  },
  facts: (source) => {
    const frequencies = frequenciesIn(source, true)
    const amounts = quantitiesIn(source).flatMap(({ values, unit }) =>
      values.flatMap((value) => [
        `any ${numberFact(value)}`,
        unit === undefined ? `bare ${numberFact(value)}` : measureFact(value, unit),
      ]),
    )
    return new Set([...frequencies.flatMap(({ facts }) => facts), ...amounts])
  },
}

/** "Per day" behind a dose says how often. */
function periodBehind(answer: string, { end, unit }: Quantity): Claim[] {
  if (unit?.isDose !== true) return []
  const [, words] = perPeriod.exec(answer.slice(end)) ?? []
  if (words === undefined) return []
  const start = answer.indexOf(words, end)
  const [frequency]: (Frequency | undefined)[] = frequenciesIn(words, true)
  return [{ kind: 'dose', start, end: start + words.length, needs: (frequency?.facts ?? []).map((fact) => [fact]) }]
}

function isTime(unit: Unit | undefined): boolean {
  return unit?.family === 'hour' || unit?.family === 'month'
}

function measureFact(value: number, { family, factor, offset }: Unit): string {
  return `${family} ${numberFact(value * factor + offset)}`
}

/** A number without a unit may stand for one with; a dose never. */
function needsOf(value: number, unit: Unit | undefined): string[] {
  if (unit === undefined) return [`any ${numberFact(value)}`]
  const same = measureFact(value, unit)
  return unit.isDose || unit.family === '%' ? [same] : [same, `bare ${numberFact(value)}`]
}

function quantitiesIn(text: string): Quantity[] {
  const marks = [...text.matchAll(listMarks)].map(({ index, 0: mark }) => ({ start: index, end: index + mark.length }))
  const shares = sharesIn(without(text, marks))
  const rest = without(text, [...marks, ...shares])
  const found = shares.map(({ start, end, values, unit }): Quantity => ({ start, end, values, unit: unitOf(unit) }))
  for (const { index, 0: whole, 1: first = '', 2: second, 3: measure } of rest.matchAll(quantity)) {
    const unit = measure === undefined ? undefined : unitOf(measure)
    // "One" and "a" are seldom numbers, unless something is measured.
    if (/^one$/i.test(first) && second === undefined && unit === undefined) continue
    // 8 to 12 million: both are millions.
    const power = /^[\d.,]+$/.test(first) ? powerOf(/\p{L}+$/u.exec(second ?? '')?.[0].toLowerCase()) : 1
    const values = [numberOf(first) * power, ...(second === undefined ? [] : [numberOf(second)])]
    found.push({ start: index, end: index + whole.length, values, unit })
  }
  for (const { index, 0: whole, 1: measure = '' } of rest.matchAll(oneOfTime)) {
    found.push({ start: index, end: index + whole.length, values: [1], unit: unitOf(measure) })
  }
  return found
}

/** Where the sentence begins and ends in which a place is. */
function sentenceAt(text: string, at: number): [from: number, to: number] {
  const ends = [...text.matchAll(/[.!?;]\s|\n/gu)].map(({ index }) => index)
  return [ends.findLast((end) => end < at) ?? 0, ends.find((end) => end >= at) ?? text.length]
}
