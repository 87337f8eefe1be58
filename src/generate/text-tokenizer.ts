/** How a text is encoded. */
export interface EncodeOptions {
  /**
   * Put the tokens around it that the tokenizer's post-processor has, such as Llama's `<s>`. Default true, as in
   * transformers.
   */
  readonly addSpecialTokens?: boolean
  /**
   * Read special tokens that are written out in the text as any other text, which is how to encode what strangers
   * wrote: `<|im_end|>` in it ends no turn. Default false, as transformers' split_special_tokens. The first such call
   * opens the tokenizer a second time.
   */
  readonly splitSpecialTokens?: boolean
}

/** How ids are decoded. */
export interface DecodeOptions {
  /** Leave special tokens out (transformers' skip_special_tokens, which is false there). Default true. */
  readonly skipSpecialTokens?: boolean
}

/** Turns text into token ids and back: what training on text and generating it need of a tokenizer. */
export interface TextTokenizer {
  /** Number of ids, added tokens included: the highest id + 1. */
  readonly vocabSize: number
  /** The id that ends a text, `null` when the tokenizer has none. */
  readonly eosTokenId: number | null
  /** That token as it is written, `null` when there is none. */
  readonly eosToken: string | null
  /** Ids that were added to the vocabulary and stand for themselves, such as the end of a text, ascending. */
  readonly addedIds: readonly number[]
  /** Jinja templates that conversations are written by: one, or several by name; `null` for none. Default none. */
  readonly chatTemplate?: string | Readonly<Record<string, string>> | null
  /** Special tokens as they are written, by tokenizer_config.json's names, such as `bos_token`. Default none. */
  readonly specialTokens?: Readonly<Record<string, string>>
  /**
   * Where each token of a text stands in it, [begin, end) in UTF-16 units, of ids without special tokens around them.
   * Learning from just a part of a text needs it. Default: not known.
   */
  offsets?(text: string, ids: readonly number[]): readonly (readonly [begin: number, end: number])[]
  /** Ids of `text`, in which special tokens may be written out. */
  encode(text: string, options?: EncodeOptions): number[]
  /** Text of `ids`; special tokens and ids it does not know are left out, bytes that are no UTF-8 become U+FFFD. */
  decode(ids: readonly number[], options?: DecodeOptions): string
}
