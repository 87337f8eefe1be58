import { check, MedAwareError } from '../../core/errors.ts'
import { show, showNames } from '../../core/show.ts'
import type { TextTokenizer } from '../../generate/text-tokenizer.ts'
import type { FileTokenizer, NumberedToken } from './tokenizer.ts'

/** Tokens that a model of a small vocabulary may be without; of a large one it is one in a hundred. */
const few = 16

/** Tokens that a message names. */
const named = 6

/**
 * The tokenizer of a model. It may have a few more tokens than the model has embeddings for, such as padding that was
 * added and never learned: they are told, and a text that uses one is refused.
 * @param vocabSize Of the model, which has embeddings for the ids below.
 * @param name Begins messages: where the model comes from.
 * @returns The same tokenizer where it has no such token. Else its `encode` throws `config` for a text that uses one.
 * @throws MedAwareError `format` where tokens beyond `vocabSize` are more than 16, and more than one in a hundred of
 * it: such a tokenizer is another model's.
 */
export function tokenizerOfModel(
  tokenizer: FileTokenizer,
  vocabSize: number,
  name: string,
  warn: (message: string) => void,
): TextTokenizer {
  const beyond = tokenizer.tokensFrom(vocabSize)
  if (beyond.length === 0) return tokenizer
  const count = beyond.length === 1 ? 'a token' : `${beyond.length} tokens`
  const has = `${name}: the tokenizer has ${count} beyond the model's vocabulary of ${vocabSize}: ${describe(beyond, tokenizer)}`
  const most = Math.max(few, Math.floor(vocabSize / 100))
  check(beyond.length <= most, 'format', () => {
    return `${has}; more than ${most} are no few, so it is another model's: take the one that the model was trained with`
  })
  const isEnd = beyond.some(({ id }) => id === tokenizer.eosTokenId)
  const end = isEnd ? '; the end of texts is among them: the model never says it, and cannot learn to' : ''
  warn(`${has}; the model has no embedding for such a token, and texts that use one are refused${end}`)
  return {
    ...tokenizer,
    encode(text, options) {
      const ids = tokenizer.encode(text, options)
      const used = ids.find((id) => id >= vocabSize)
      if (used === undefined) return ids
      const token = beyond.find(({ id }) => id === used)?.token
      throw new MedAwareError(
        'config',
        `tokenizer: the text ${show(text)} uses the token ${show(token)} (id ${used}), for which the model, with a ` +
          `vocabulary of ${vocabSize}, has no embedding; leave it out of the text, or give the model one in transformers ` +
          'with resize_token_embeddings',
      )
    },
  }
}

/** The first few, each with its id and what tokenizer_config.json calls it; those that it calls something first. */
function describe(tokens: readonly NumberedToken[], { specialTokens = {} }: FileTokenizer): string {
  const described = tokens.map(({ id, token }) => {
    const roles = Object.entries(specialTokens).flatMap(([role, special]) => (special === token ? [role] : []))
    return { text: `${show(token)} (${[`id ${id}`, ...roles].join(', ')})`, isSpecial: roles.length > 0 }
  })
  const ordered = described.sort((a, b) => Number(b.isSpecial) - Number(a.isSpecial))
  return showNames(
    ordered.map(({ text }) => text),
    named,
  )
}
