const small =
  `one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen`.split(/\s+/)
const tens = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ')
const powers: ReadonlyMap<string, number> = new Map([
  ['hundred', 100],
  ['thousand', 1000],
  ['million', 1e6],
  ['billion', 1e9],
])
const values: ReadonlyMap<string, number> = new Map([
  ...small.map((word, i) => [word, i + 1] as const),
  ...tens.map((word, i) => [word, 10 * (i + 2)] as const),
])

const large = [...powers.keys()].join('|')
const word = `(?:${[...small, ...tens, ...powers.keys()].join('|')})`

/** A number in figures or words, as the source of a regular expression; what is part of a name such as B12 is none. */
export const numberPattern = [
  String.raw`(?<![\p{L}\p{N}]|\p{L}[-‐]|\d[.,])`,
  String.raw`(?:(?:\d{1,3}(?:[, \u00a0\u202f]\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)(?: (?:${large})(?!\p{L}))?`,
  // "Threefold" is one word.
  String.raw`|${word}(?:[ -]${word})*(?!(?!fold)\p{L}))`,
].join('')

/** The value of what the pattern matches. */
export function numberOf(text: string): number {
  if (/^\d/.test(text)) {
    const [figures, name] = text.toLowerCase().split(/ (?=\p{L})/u)
    return Number(figures?.replaceAll(/[,\s]/g, '')) * powerOf(name)
  }
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

/** What a word such as "million" multiplies by; 1 for any other. */
export function powerOf(word: string | undefined): number {
  return powers.get(word ?? '') ?? 1
}

/** A number as a fact: the same for the same value, whatever its unit made of it in binary. */
export function numberFact(value: number): string {
  return String(Number(value.toPrecision(9)))
}
