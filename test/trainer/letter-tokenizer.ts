import type { TextTokenizer } from '../../src/generate/text-tokenizer.ts'

/** A letter a token, from `<` on, for models of 64 ids. */
export const letterTokenizer: TextTokenizer = {
  ...{ vocabSize: 64, eosTokenId: null, eosToken: null, addedIds: [] },
  encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0) - 60),
  decode: (ids) => ids.map((id) => String.fromCharCode(60 + id)).join(''),
}

/** Letters are tokens, from 3 on; 2 ends a text. */
export const endedTokenizer = {
  encode: (text: string) =>
    [...text.matchAll(/<end>|[\s\S]/g)].map(([piece]) => (piece === '<end>' ? 2 : 3 + (piece.charCodeAt(0) % 61))),
  decode: (ids: readonly number[]) => ids.map((id) => String.fromCharCode(97 + (id % 26))).join(''),
  eosTokenId: 2,
  eosToken: '<end>',
}
