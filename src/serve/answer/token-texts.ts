import type { TextTokenizer } from '../../generate/text-tokenizer.ts'

/** Tokens as they are written within a text, special ones too. */
export class TokenTexts {
  readonly #tokenizer: TextTokenizer
  readonly #texts = new Map<number, string>()
  /** A tokenizer may leave out a blank before a text's first token, so each is decoded behind this one. */
  readonly #before: readonly number[]

  constructor(tokenizer: TextTokenizer) {
    this.#tokenizer = tokenizer
    this.#before = tokenizer.encode('a', { addSpecialTokens: false }).slice(-1)
  }

  of(id: number): string {
    const known = this.#texts.get(id)
    if (known !== undefined) return known
    const text = this.#decode([...this.#before, id]).slice(this.#decode(this.#before).length)
    this.#texts.set(id, text)
    return text
  }

  #decode(ids: readonly number[]): string {
    return this.#tokenizer.decode(ids, { skipSpecialTokens: false })
  }
}
