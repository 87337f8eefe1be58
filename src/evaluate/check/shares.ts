import { numberOf, numberPattern } from './number-words.ts'
import { unitOf, unitPattern } from './units.ts'

/** An amount that is not said as a number with its unit: one in four, two thirds of, half a tablet. */
export interface Share {
  readonly start: number
  readonly end: number
  readonly values: readonly number[]
  /** As `unitOf` takes it. */
  readonly unit: string
}

const parts: ReadonlyMap<string, number> = new Map([
  ['half', 2],
  ['third', 3],
  ['quarter', 4],
  ['fifth', 5],
  ['tenth', 10],
])
const part = `(${[...parts.keys()].join('|')})(?:s|(?<=hal)ves)?(?!\\p{L})`

const whom =
  '(?:persons?|people|patients?|child(?:ren)?|bab(?:y|ies)|infants?|newborns?|births?|boys?|girls?|m[ae]n|wom[ae]n|' +
  'males?|females?|adults?|cases?)'
const every = String.raw`(?:every\s+|a\s+(?=hundred|thousand|million))?`
const year = String.raw`(?:19|20)\d\d(?![,\d])`
/** Others are counts: 24 patients in two studies. Behind "to" another share may begin. */
const ofMany = [
  // One in 5,000; one in 1,000 to 1,400; 20 per 100,000; three in a hundred.
  shareOf(String.raw`\s+(?:in|out of|per)\s+${every}`),
  // One person in 30,000; one of every 400; five of six children.
  shareOf(String.raw`(?<=(?<!\p{L})(?:one|1))\s+${whom}\s+in\s+${every}(?!${year})`),
  shareOf(String.raw`\s+of\s+every\s+`),
  shareOf(String.raw`\s+of\s+`, String.raw`(?=\s+${whom}(?!\p{L}))`),
]
/** A third of; one half, two thirds. A third alone is behind a second. */
const ofAll = new RegExp(`(?<!\\p{L})(?:(one|two|three)[ -]${part}|(?:an? )?${part}(?= of(?!\\p{L})))`, 'giu')
/** Half a tablet, half an hour, 1/2 tablet, a whole tablet, a single dose. */
const ofOne = new RegExp(
  `(?<![\\p{L}\\p{N}/.])(?:(half|1/2|½)(?: of)?(?: an?)?|(1/4|¼)|(3/4|¾)|an? (?:whole|full|single|entire)) (${unitPattern})`,
  'giu',
)
/** Twice as common. */
const twice = /(?<!\p{L})twice(?= (?:as|the|more)(?!\p{L}))/giu

/** Shares of a hundred, and parts of one. */
export function sharesIn(text: string): Share[] {
  const found: Share[] = []
  const add = (pattern: RegExp, read: (groups: readonly (string | undefined)[]) => Pick<Share, 'values' | 'unit'>) => {
    for (const match of text.matchAll(pattern)) {
      found.push({ start: match.index, end: match.index + match[0].length, ...read(match) })
    }
  }
  for (const pattern of ofMany) {
    add(pattern, ([, some, ...all]) => {
      const among = all.filter((each) => each !== undefined).map(numberOf)
      return { values: among.map((each) => (100 * numberOf(some ?? '')) / each), unit: '%' }
    })
  }
  add(ofAll, ([, some, named, alone]) => {
    const count = some === undefined ? 1 : numberOf(some)
    return { values: [(100 * count) / (parts.get((named ?? alone ?? '').toLowerCase()) ?? NaN)], unit: '%' }
  })
  add(ofOne, ([, half, quarter, most, unit = '']) => {
    const value = half !== undefined ? 0.5 : quarter !== undefined ? 0.25 : most !== undefined ? 0.75 : 1
    return { values: [value], unit }
  })
  add(twice, () => ({ values: [2], unit: 'times' }))
  return found.filter(({ unit, values }) => {
    return unitOf(unit) !== undefined && (unit !== '%' || values.every((value) => value <= 100))
  })
}

/** A number, words, and one or two numbers that the first is a share of. */
function shareOf(words: string, behind = ''): RegExp {
  const last = String.raw`(${numberPattern})(?![\d.,]*\d|\s+(?:in|out|of|per)\s)`
  return new RegExp(
    `(${numberPattern})${words}(${numberPattern})(?:\\s*(?:to|[-–])\\s*${last})?${behind}(?!\\p{L})`,
    'giu',
  )
}
