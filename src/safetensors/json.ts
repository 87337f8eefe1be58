import { check, MedAwareError } from '../core/errors.ts'
import { decodeUtf8, deepestJson } from '../core/json.ts'
import { show, shorten } from '../core/show.ts'

/**
 * Reads JSON that may come from anyone in one pass from left to right, building nothing but what is asked for. It is as
 * strict as serde_json, which the Rust library reads with: no lone surrogates, no number beyond a double, nothing
 * nested more than 127 deep, and `0.0`, `1e0` and `-0` are no sizes. It also refuses an object with a key twice: two
 * parsers that each keep another one would see two different files. Each method reads the value that comes next and
 * throws `format` where it is another.
 */
export class JsonScanner {
  readonly #who: string
  readonly #text: string
  #at = 0
  #depth = 0

  /** @throws `format` for bytes that are not UTF-8. */
  constructor(who: string, json: Uint8Array) {
    this.#who = who
    this.#text = decodeUtf8(who, json)
    this.#skipSpace()
  }

  /** Whether the next value begins so: `{`, `[`, `"`, `n` for null. */
  isAt(begin: '{' | '[' | '"' | 'n'): boolean {
    return this.#text[this.#at] === begin
  }

  /** Reads an object; `readValue` reads each value. */
  object(readValue: (key: string) => void): void {
    const keys = new Keys()
    this.#items('{', '}', () => {
      const key = this.string()
      check(keys.add(key), 'format', () => `${this.#who}: key ${show(key)} appears twice in one object`)
      this.#take(':')
      readValue(key)
    })
  }

  string(): string {
    const begin = this.#at
    check(this.isAt('"'), 'format', this.#invalid)
    let isPlain = true
    for (let i = begin + 1; ; i++) {
      const unit = this.#text.charCodeAt(i)
      if (unit === quote) {
        this.#at = i + 1
        break
      }
      // Past the end a unit is NaN, which is not at least a space either.
      check(unit >= space, 'format', this.#invalid)
      if (unit !== backslash) continue
      isPlain = false
      i++
    }
    const end = this.#at
    this.#skipSpace()
    return isPlain ? this.#text.slice(begin + 1, end - 1) : this.#unescape(this.#text.slice(begin, end))
  }

  /**
   * Reads a list of at most `most` whole numbers from 0; undefined, with nothing read, where the next value is none.
   */
  sizes(most: number): number[] | undefined {
    const begin = this.#at
    if (!this.isAt('[')) return undefined
    const sizes: number[] = []
    let areSizes = true
    this.#items('[', ']', () => {
      const spelling = this.#source()
      areSizes &&= sizes.length < most && isDigits.test(spelling)
      if (areSizes) sizes.push(Number(spelling))
    })
    if (areSizes) return sizes
    this.#at = begin
    return undefined
  }

  /** Passes over a value of any kind and gives its spelling, shortened, for an error message. */
  skip(): string {
    return shorten(this.#source())
  }

  /** @throws `format` where anything but white space is left. */
  end(): void {
    check(this.#at === this.#text.length, 'format', this.#invalid)
  }

  #source(): string {
    const begin = this.#at
    this.#skipValue()
    return this.#text.slice(begin, this.#at).trimEnd()
  }

  #skipValue(): void {
    switch (this.#text[this.#at]) {
      case '{':
        this.object(() => this.#skipValue())
        return
      case '[':
        this.#items('[', ']', () => this.#skipValue())
        return
      case '"':
        this.string()
        return
      default:
        this.#skipWord()
    }
  }

  #skipWord(): void {
    word.lastIndex = this.#at
    const [spelling] = word.exec(this.#text) ?? []
    check(spelling !== undefined, 'format', this.#invalid)
    const isNumber = spelling < 'a'
    check(!isNumber || Number.isFinite(Number(spelling)), 'format', () => {
      return `${this.#who}: number ${shorten(spelling)} is out of range`
    })
    this.#at += spelling.length
    this.#skipSpace()
  }

  /** What lies between brackets, parted by commas. */
  #items(begin: string, end: string, readItem: () => void): void {
    this.#take(begin)
    this.#depth++
    check(this.#depth <= deepestJson, 'format', () => {
      return `${this.#who}: lists and objects lie more than ${deepestJson} deep in one another`
    })
    if (this.#text[this.#at] !== end) {
      readItem()
      while (this.#text[this.#at] === ',') {
        this.#take(',')
        readItem()
      }
    }
    this.#take(end)
    this.#depth--
  }

  #take(letter: string): void {
    check(this.#text[this.#at] === letter, 'format', this.#invalid)
    this.#at++
    this.#skipSpace()
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++
  }

  #unescape(literal: string): string {
    let text: string
    try {
      text = JSON.parse(literal) as string
    } catch (cause) {
      throw new MedAwareError('format', `${this.#who}: ${shorten(literal)} is no valid JSON string`, { cause })
    }
    check(!/\p{Surrogate}/u.test(text), 'format', () => `${this.#who}: ${shorten(literal)} is not valid Unicode`)
    return text
  }

  readonly #invalid = (): string => {
    const there = this.#text.slice(this.#at, this.#at + 20)
    return `${this.#who}: not valid JSON at character ${this.#at}: ${there === '' ? 'it ends there' : show(there)}`
  }
}

/**
 * The keys of an object so far. A few are compared one by one: a set for each of a million tensors would cost most of
 * the time.
 */
class Keys {
  readonly #few: string[] = []
  #many: Set<string> | undefined

  /** False for one that is there already. */
  add(key: string): boolean {
    if (this.#many === undefined && this.#few.length < 8) return !this.#few.includes(key) && this.#few.push(key) > 0
    this.#many ??= new Set(this.#few)
    return this.#many.size < this.#many.add(key).size
  }
}

const isDigits = /^\d+$/
const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const [quote, backslash, space] = [0x22, 0x5c, 0x20]

function isSpace(unit: number): boolean {
  return unit === space || unit === 0x0a || unit === 0x0d || unit === 0x09
}
