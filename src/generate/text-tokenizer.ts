/** Turns text into token ids and back: what generating text needs of a tokenizer. */
export interface TextTokenizer {
  /** Number of ids, added tokens included: the highest id + 1. */
  readonly vocabSize: number
  /** The id that ends a text, `null` when the tokenizer has none. */
  readonly eosTokenId: number | null
  /** Ids of `text`; no special token is put before or behind it. */
  encode(text: string): number[]
  /** Text of `ids`; special tokens and ids it does not know are left out, bytes that are no UTF-8 become U+FFFD. */
  decode(ids: readonly number[]): string
}
