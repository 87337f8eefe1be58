/** Names that are one thing: the first is what it is called, the others mean the same. */
export type SameNames = string | readonly string[]

/** Where a name of a list stands. */
export interface NamePlace {
  readonly start: number
  readonly end: number
  /** The number of the thing in the list. */
  readonly thing: number
}

interface Word {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** A text's words in small letters, without a genitive's or a plural's s. */
export function nameWords(text: string): Word[] {
  return [...text.matchAll(/[\p{L}\p{N}]+(?:[-'’][\p{L}\p{N}]+)*/gu)].map(({ index, 0: word }) => ({
    text: plainWord(word),
    start: index,
    end: index + word.length,
  }))
}

/** As `nameWords`, of one word; anaemia is anemia, oedema edema and tumour tumor. */
export function plainWord(word: string): string {
  const plain = word
    .toLowerCase()
    .replace(/['’]s?$/u, '')
    .replaceAll(/ae|oe|æ|œ/gu, 'e')
    .replace('tumour', 'tumor')
  return /[^siu]s$/.test(plain) && plain.length > 4 ? plain.slice(0, -1) : plain
}

/** Lists as one: things that share a name are the same. */
export function joinNames(...lists: readonly (readonly SameNames[])[]): readonly SameNames[] {
  const byName = new Map<string, Set<string>>()
  for (const names of lists.flat()) {
    const joined = new Set(typeof names === 'string' ? [names] : names)
    for (const name of [...joined]) for (const other of byName.get(keyOf(name)) ?? []) joined.add(other)
    for (const name of joined) byName.set(keyOf(name), joined)
  }
  return [...new Set(byName.values())].map((names) => [...names])
}

function keyOf(name: string): string {
  return nameWords(name)
    .map(({ text }) => text)
    .join(' ')
}

/** Finds names of a list in texts, the longest where several begin at one place. */
export function nameIndex(things: readonly SameNames[]): (text: string) => NamePlace[] {
  const byFirst = new Map<string, { words: readonly string[]; thing: number }[]>()
  for (const [thing, names] of things.entries()) {
    for (const name of typeof names === 'string' ? [names] : names) {
      const words = nameWords(name).map(({ text }) => text)
      const [first] = words
      if (first === undefined || words.join('').length < 3) continue
      byFirst.set(first, [...(byFirst.get(first) ?? []), { words, thing }])
    }
  }
  for (const row of byFirst.values()) row.sort((a, b) => b.words.length - a.words.length)
  return (text) => {
    const words = nameWords(text)
    const places: NamePlace[] = []
    for (let i = 0; i < words.length; i++) {
      const name = byFirst.get(words[i]?.text ?? '')?.find((row) => {
        return row.words.every((word, j) => word === words[i + j]?.text)
      })
      if (name === undefined) continue
      const last = i + name.words.length - 1
      places.push({ start: words[i]?.start ?? 0, end: words[last]?.end ?? 0, thing: name.thing })
      i = last
    }
    return places
  }
}
