import type { TextTokenizer } from './text-tokenizer.ts'

/** Ends a decoded text whose last character still lacks bytes. */
const REPLACEMENT = '\uFFFD'

/** Tokens of the prompt that are decoded along with what follows: no character has more bytes. */
const CONTEXT = 8

/**
 * Text of tokens that come one at a time, so that prompt and pieces together are the whole text. Each piece is decoded
 * behind the tokens before it, because a tokenizer may treat the start of a text in its own way
 * (text-generation-inference's decode_token).
 */
export class TextStream {
  readonly #tokenizer: TextTokenizer
  #ids: number[]
  /** How many of `#ids` were told; they are only there to be decoded along. */
  #told: number

  constructor(tokenizer: TextTokenizer, prompt: readonly number[]) {
    this.#tokenizer = tokenizer
    this.#ids = prompt.slice(-CONTEXT)
    this.#told = this.#ids.length
  }

  /** The text that `id` completes, '' while a character lacks bytes. */
  push(id: number): string {
    this.#ids.push(id)
    const text = this.#tokenizer.decode(this.#ids)
    if (text.endsWith(REPLACEMENT)) return ''
    const piece = text.slice(this.#toldText().length)
    // A special token says nothing and is no start of a text: the tokens before it stay to be decoded along.
    if (piece === '') return ''
    this.#ids = this.#ids.slice(this.#told)
    this.#told = this.#ids.length
    return piece
  }

  /** What was held back, its lacking bytes as U+FFFD. */
  end(): string {
    return this.#tokenizer.decode(this.#ids).slice(this.#toldText().length)
  }

  #toldText(): string {
    return this.#tokenizer.decode(this.#ids.slice(0, this.#told))
  }
}
