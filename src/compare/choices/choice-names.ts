/** Words that a text has for other reasons than to choose them. */
const common = new Set(['yes', 'no', 'maybe', 'true', 'false', 'all', 'none', 'both', 'other', 'neither'])

/** How the choices of a question may be called in a text. */
export class ChoiceNames {
  /** Letters by their places; empty where choices are words. */
  readonly #letters: readonly string[]
  /** Words of each choice in small letters, without what ends a sentence. */
  readonly #words: readonly string[]
  /** Places, those of the longest words first: "none" is no "no". */
  readonly #byLength: readonly number[]
  /** Characters that naming a choice may take: what is longer is not looked through. */
  readonly #most: number

  constructor(choices: readonly string[], options: readonly string[]) {
    this.#letters = choices.every((choice) => /^[A-Z]$/.test(choice)) ? choices : []
    const words = this.#letters.length > 0 ? options : choices
    this.#words = words.map((each) => plainWords(withoutMarks(each)))
    this.#most = Math.max(...this.#words.map(({ length }) => length)) + 40
    this.#byLength = [...this.#words.keys()].sort((a, b) => this.#word(b).length - this.#word(a).length)
  }

  #word(place: number): string {
    return this.#words[place] ?? ''
  }

  /** The choice that a text begins with, however it goes on, unless another one follows: "A or B" chooses none. */
  named(text: string): number | null {
    const letter = /^(?:[([] ?([A-Za-z]) ?[)\]]|([A-Z])(?![\p{L}\p{N}])|([a-z])(?=[.,:;)}\]]|\s*$))/u
    return this.#alone(text, letter, /^(?![\p{L}\p{N}])/u)
  }

  /** The same if a mark or a line's end follows: "A man" and "No doubt" choose nothing. */
  beginning(text: string): number | null {
    const letter = /^(?:\(([A-Za-z])\)|([A-Z])(?=[.,:;)]|\s*(?:\n|$)))/
    return this.#alone(text, letter, /^(?:[.,:;!]|\s*(?:\n|$))/)
  }

  /** The choice that a line is, and nothing else. */
  whole(line: string): number | null {
    if (line.length > this.#most) return null
    const [, letter, rest = ''] = /^[\s([]*([A-Z])[\s.,:;!)\]]*(.*)$/.exec(line) ?? []
    const place = this.#letter(letter)
    if (place !== null && (rest === '' || plainWords(rest) === this.#word(place))) return place
    const words = plainWords(line)
    return words === '' ? null : placeOf(this.#words, words)
  }

  /** The letter of all that are mentioned, where that is one. */
  onlyLetter(text: string): number | null {
    const mentions = text.matchAll(/\(([A-Za-z])\)|\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer) ([A-Z])\b/g)
    const places = new Set([...mentions].map(([, inBrackets, behind]) => this.#letter(inBrackets ?? behind)))
    places.delete(null)
    const [place = null] = places
    return places.size === 1 ? place : null
  }

  /** The only choice whose words stand in a text; words within those of a longer one do not count. */
  onlyWords(text: string): number | null {
    let rest = text.toLowerCase().replace(/\s+/g, ' ')
    const found: number[] = []
    for (const place of this.#byLength) {
      const words = this.#word(place)
      if (words === '' || common.has(words)) continue
      const parts = rest.split(new RegExp(`(?<![\\p{L}\\p{N}])${escaped(words)}(?![\\p{L}\\p{N}])`, 'u'))
      if (parts.length > 1) found.push(place)
      rest = parts.join('\n')
    }
    const [place = null] = found
    return found.length === 1 ? place : null
  }

  #letter(letter: string | undefined): number | null {
    return letter === undefined ? null : placeOf(this.#letters, letter.toUpperCase())
  }

  #alone(text: string, letter: RegExp, end: RegExp): number | null {
    const head = text.slice(0, 2 * this.#most)
    const first = this.#at(head, letter, end)
    if (first === null) return null
    const rest = head.slice(first.length)
    const link = (this.#letters.length > 0 ? /^\s*(?:,|\/|&|or\b|and\b)\s*/ : /^\s*(?:\/|&|or\b|and\b)\s*/).exec(rest)
    const second = link === null ? null : this.#at(rest.slice(link[0].length), letter, end)
    return second === null || second.place === first.place ? first.place : null
  }

  /** What a text begins with, by its letter or its words. */
  #at(text: string, letter: RegExp, end: RegExp): { readonly place: number; readonly length: number } | null {
    const [all = '', ...letters] = letter.exec(text) ?? []
    const place = this.#letter(letters.find((each) => each !== undefined))
    if (place !== null) return { place, length: all.length }
    const small = text.toLowerCase()
    const worded = this.#byLength.find((each) => {
      const words = this.#word(each)
      return words !== '' && small.startsWith(words) && end.test(small.slice(words.length))
    })
    return worded === undefined ? null : { place: worded, length: this.#word(worded).length }
  }
}

/** Without what Markdown and quotation put around words. */
export function withoutMarks(text: string): string {
  return text.replace(/[*_`$"“”]/g, '')
}

function plainWords(text: string): string {
  const small = text.toLowerCase().replace(/\s+/g, ' ')
  return small.replace(/^[\s([]+/, '').replace(/[\s.,:;!)\]]+$/, '')
}

function placeOf(texts: readonly string[], text: string): number | null {
  const place = texts.indexOf(text)
  return place < 0 ? null : place
}

function escaped(words: string): string {
  return words.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
}
