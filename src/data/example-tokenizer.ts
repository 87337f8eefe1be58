import { check } from '../core/errors.ts'
import { readArgument, withMethods } from '../core/options.ts'

/** What turns text into tokens. */
export interface ExampleTokenizer {
  /** Ids of `text`, with the tokens around it that the tokenizer puts there. */
  encode(text: string): readonly number[]
  decode(ids: readonly number[]): string
  readonly eosTokenId: number | null
  /** That token as it is written. */
  readonly eosToken: string | null
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
