import type { TextTokenizer } from '../../src/generate/text-tokenizer.ts'

/** A letter a token, from `<` on, for models of 64 ids. */
export const letterTokenizer: TextTokenizer = {
  ...{ vocabSize: 64, eosTokenId: null, eosToken: null, addedIds: [] },
  encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0) - 60),
  decode: (ids) => ids.map((id) => String.fromCharCode(60 + id)).join(''),
}
