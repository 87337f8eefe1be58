import { check } from '../core/errors.ts'
import { readArgument, withMethods } from '../core/options.ts'
import type { Templated } from './chat/chat-template.ts'

/** What turns text into tokens; conversations need its chat template too. */
export interface ExampleTokenizer extends Templated {
  /** Ids of `text`, with the tokens around it that the tokenizer puts there, unless `addSpecialTokens` is false. */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): readonly number[]
  decode(ids: readonly number[]): string
  readonly eosTokenId: number | null
  /** That token as it is written. */
  readonly eosToken: string | null
  /** Ids that were added to the vocabulary; the end of a turn is one of them. */
  readonly addedIds?: readonly number[]
  /** Where each token of an encoded text stands in it, [begin, end) in UTF-16 units. `assistantOnlyLoss` needs it. */
  offsets?(text: string, ids: readonly number[]): readonly (readonly [begin: number, end: number])[]
}

/** The token that ends a text: its id, and how it is written. */
export interface EndOfText {
  readonly id: number
  readonly token: string
}

const rule = withMethods<ExampleTokenizer>("a tokenizer, such as loadModel's or loadTokenizer's", ['encode', 'decode'])

/** @throws MedAwareError `config` for what is no tokenizer. */
export function readTokenizer<T extends ExampleTokenizer>(who: string, tokenizer: T): T {
  readArgument<ExampleTokenizer>(who, 'the tokenizer', tokenizer, rule)
  return tokenizer
}

/** @throws MedAwareError `config` for a tokenizer without EOS: a model would never learn to stop. */
export function endOf(who: string, { eosToken: token, eosTokenId: id }: ExampleTokenizer): EndOfText {
  check(typeof token === 'string' && typeof id === 'number', 'config', () => {
    return `${who}: the tokenizer has no EOS token; name one in tokenizer_config.json`
  })
  return { id, token }
}
