const small =
  `one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen`.split(/\s+/)
const tens = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ')
const powers: ReadonlyMap<string, number> = new Map([
  ['hundred', 100],
  ['thousand', 1000],
  ['million', 1e6],
])
const values: ReadonlyMap<string, number> = new Map([
  ...small.map((word, i) => [word, i + 1] as const),
  ...tens.map((word, i) => [word, 10 * (i + 2)] as const),
])

const word = `(?:${[...small, ...tens, ...powers.keys()].join('|')})`

/** A number in figures or words, as the source of a regular expression; what is part of a name such as B12 is none. */
export const numberPattern = [
  String.raw`(?<![\p{L}\p{N}]|\p{L}[-‐]|\d[.,])`,
  String.raw`(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|${word}(?:[ -]${word})*(?!\p{L}))`,
].join('')

/** The value of what the pattern matches. */
export function numberOf(text: string): number {
  if (/^\d/.test(text)) return Number(text.replaceAll(',', ''))
  let [total, part] = [0, 0]
  for (const each of text.toLowerCase().split(/[ -]/)) {
    const power = powers.get(each)
    if (power === undefined) part += values.get(each) ?? 0
    else if (power === 100) part = Math.max(part, 1) * power
    else {
      total += Math.max(part, 1) * power
      part = 0
    }
  }
  return total + part
}

/** A number as a fact: the same for the same value, whatever its unit made of it in binary. */
export function numberFact(value: number): string {
  return String(Number(value.toPrecision(9)))
}
