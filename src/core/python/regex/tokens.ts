import { MedAwareError } from '../../errors.ts'

/** A pattern's characters one by one, a backslash together with the one behind it (re/_parser.py, Tokenizer). */
export class Tokens {
  /** The token that `take` gives next, '' at the end. */
  next = ''
  readonly #characters: readonly string[]
  #at = 0

  /** @param who Begins an error's sentence. */
  constructor(
    source: string,
    readonly who: string,
  ) {
    this.#characters = Array.from(source)
    this.next = this.#read()
  }

  /** The place of `next`, for `seek`. */
  get at(): number {
    return this.#at - Array.from(this.next).length
  }

  seek(at: number): void {
    this.#at = at
    this.next = this.#read()
  }

  take(): string {
    const token = this.next
    this.next = this.#read()
    return token
  }

  /** Takes the next token if it is `token`. */
  takes(token: string): boolean {
    if (this.next !== token) return false
    this.take()
    return true
  }

  /** Up to `most` tokens that are each one of `characters`. */
  takeWhile(characters: string, most = Infinity): string {
    let taken = ''
    while (taken.length < most && this.next !== '' && characters.includes(this.next)) taken += this.take()
    return taken
  }

  /** What stands before `end`, which is taken too. */
  takeUntil(end: string): string {
    let taken = ''
    for (;;) {
      const token = this.take()
      if (token === '') throw this.bad(taken === '' ? 'a group without a name' : `a group's name without ${end}`)
      if (token === end) break
      taken += token
    }
    if (taken === '') throw this.bad('a group without a name')
    return taken
  }

  bad(reason: string): MedAwareError {
    return new MedAwareError('config', `${this.who} is no regular expression of Python's: ${reason}`)
  }

  #read(): string {
    const character = this.#characters[this.#at]
    if (character === undefined) return ''
    this.#at++
    if (character !== '\\') return character
    const escaped = this.#characters[this.#at]
    if (escaped === undefined) throw this.bad('it ends in a backslash')
    this.#at++
    return character + escaped
  }
}
