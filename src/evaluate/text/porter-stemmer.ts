/** A suffix, what stands in its place, and the stem before it for which that is so: any, where it is left out. */
type SuffixRule = readonly [suffix: string, replacement: string, isFor?: (stem: string) => boolean]

/** NLTK's pool: words that the rules get wrong. */
const irregular: ReadonlyMap<string, string> = new Map([
  ...[['sky', 'sky'] as const, ['skies', 'sky'] as const, ['dying', 'die'] as const, ['lying', 'lie'] as const],
  ...[['tying', 'tie'] as const, ['news', 'news'] as const, ['innings', 'inning'] as const],
  ...[['inning', 'inning'] as const, ['outings', 'outing'] as const, ['outing', 'outing'] as const],
  ...[['cannings', 'canning'] as const, ['canning', 'canning'] as const, ['howe', 'howe'] as const],
  ...[['proceed', 'proceed'] as const, ['exceed', 'exceed'] as const, ['succeed', 'succeed'] as const],
])

const isMeasured = (stem: string) => measureOf(stem) > 0
const isLong = (stem: string) => measureOf(stem) > 1

const step1a: readonly SuffixRule[] = [
  ['sses', 'ss'],
  ['ies', 'i'],
  ['ss', 'ss'],
  ['s', ''],
]

const step2: readonly SuffixRule[] = [
  ...Object.entries({
    ...{ ational: 'ate', tional: 'tion', enci: 'ence', anci: 'ance', izer: 'ize', bli: 'ble', alli: 'al' },
    ...{ entli: 'ent', eli: 'e', ousli: 'ous', ization: 'ize', ation: 'ate', ator: 'ate', alism: 'al' },
    ...{ iveness: 'ive', fulness: 'ful', ousness: 'ous', aliti: 'al', iviti: 'ive', biliti: 'ble', fulli: 'ful' },
  }).map(([suffix, replacement]) => [suffix, replacement, isMeasured] as const),
  // The l counts as the stem's, so that short stems such as geo go the way of archaeo.
  ['logi', 'log', (stem) => isMeasured(`${stem}l`)],
]

const step3: readonly SuffixRule[] = Object.entries({
  ...{ icate: 'ic', ative: '', alize: 'al', iciti: 'ic', ical: 'ic', ful: '', ness: '' },
}).map(([suffix, replacement]) => [suffix, replacement, isMeasured])

const plainlyCut = (suffix: string): SuffixRule => [suffix, '', isLong]
const step4: readonly SuffixRule[] = [
  ...['al', 'ance', 'ence', 'er', 'ic', 'able', 'ible', 'ant', 'ement', 'ment', 'ent'].map(plainlyCut),
  ['ion', '', (stem) => isLong(stem) && /[st]$/.test(stem)],
  ...['ou', 'ism', 'ate', 'iti', 'ous', 'ive', 'ize'].map(plainlyCut),
]

/**
 * The stem of a word in small letters by Porter's rules (Program 14(3), 1980) with NLTK's extensions, as
 * `nltk.stem.PorterStemmer().stem` has it.
 */
export function porterStem(word: string): string {
  const known = irregular.get(word)
  if (known !== undefined) return known
  if (word.length <= 2) return word
  let stem = word.length === 4 && word.endsWith('ies') ? word.slice(0, -1) : replaced(word, step1a)
  stem = withoutY(withoutEnding(stem))
  stem = withoutE(replaced(replaced(doubleSuffix(stem), step3), step4))
  return stem.endsWith('ll') && isLong(stem.slice(0, -1)) ? stem.slice(0, -1) : stem
}

/** The first rule whose suffix it has decides, also where its condition does not hold. */
function replaced(word: string, rules: readonly SuffixRule[]): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix))
  if (rule === undefined) return word
  const [suffix, replacement, isFor] = rule
  const stem = word.slice(0, word.length - suffix.length)
  return isFor === undefined || isFor(stem) ? stem + replacement : word
}

/** Step 1b: -eed, -ed and -ing. */
function withoutEnding(word: string): string {
  if (word.endsWith('ied')) return word.length === 4 ? word.slice(0, -1) : word.slice(0, -2)
  if (word.endsWith('eed')) return isMeasured(word.slice(0, -3)) ? word.slice(0, -1) : word
  const suffix = ['ed', 'ing'].find((each) => {
    return word.endsWith(each) && consonantsOf(word.slice(0, -each.length)).includes(false)
  })
  if (suffix === undefined) return word
  const stem = word.slice(0, -suffix.length)
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`
  if (/(.)\1$/.test(stem) && consonantsOf(stem).at(-1) === true) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1)
  return measureOf(stem) === 1 && endsShort(stem) ? `${stem}e` : stem
}

/** Step 1c: -y after a consonant. */
function withoutY(word: string): string {
  const stem = word.slice(0, -1)
  return word.endsWith('y') && stem.length > 1 && consonantsOf(stem).at(-1) === true ? `${stem}i` : word
}

/** Step 2; -alli first, then its result again. */
function doubleSuffix(word: string): string {
  if (word.endsWith('alli') && isMeasured(word.slice(0, -4))) return doubleSuffix(word.slice(0, -2))
  return replaced(word, step2)
}

/** Step 5a. */
function withoutE(word: string): string {
  if (!word.endsWith('e')) return word
  const stem = word.slice(0, -1)
  const measure = measureOf(stem)
  return measure > 1 || (measure === 1 && !endsShort(stem)) ? stem : word
}

/** Whether each letter is a consonant; y is one at the start and behind a vowel. */
function consonantsOf(word: string): readonly boolean[] {
  const flags: boolean[] = []
  for (const letter of word) flags.push(letter === 'y' ? flags.at(-1) !== true : !'aeiou'.includes(letter))
  return flags
}

/** How often a consonant follows a vowel. */
function measureOf(stem: string): number {
  const flags = consonantsOf(stem)
  return flags.reduce((count, isConsonant, i) => count + (isConsonant && flags[i - 1] === false ? 1 : 0), 0)
}

/** Consonant, vowel, and a consonant other than w, x and y; or a vowel and a consonant alone. */
function endsShort(word: string): boolean {
  const [third, second, last] = [-3, -2, -1].map((at) => consonantsOf(word).at(at))
  if (second !== false || last !== true) return false
  return word.length === 2 || (third === true && !/[wxy]$/.test(word))
}
