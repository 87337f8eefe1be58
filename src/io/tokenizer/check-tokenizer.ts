import { check } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { shorten, show } from '../../core/show.ts'
import { checkModel, type TokenIds } from './check-model.ts'
import { checkParts } from './check-parts.ts'
import { checkPostProcessor } from './check-post-processor.ts'

/** Ids stay below it: the largest vocabularies have 260,000, and tables are made by the highest. */
const idLimit = 2 ** 24

/** Characters of a token that texts are searched for from each of their places: the longest of the field have 128. */
const longestSearched = 1024

export interface TokenizerIds {
  /** Those of the model, and of the added tokens. */
  readonly learned: TokenIds
  readonly added: TokenIds
}

/**
 * Holds a tokenizer.json against what `@huggingface/tokenizers` takes on trust: it would hang, throw a `TypeError` on
 * the first text, or read that text as another.
 * @returns The ids of its tokens.
 * @throws MedAwareError `format` for what Hugging Face's Rust library refuses as well, `unsupported` for what could
 * take time or room without end.
 */
export function checkTokenizer(json: JsonObject): TokenizerIds {
  const learned = checkModel(json, checkId, checkSearched)
  const added = checkAdded(json['added_tokens'] ?? [])
  checkParts(json, [...added.keys()])
  checkPostProcessor(json['post_processor'], new Map([...learned, ...added]))
  return { learned, added }
}

function checkAdded(tokens: unknown): TokenIds {
  check(Array.isArray(tokens), 'format', () => {
    return `tokenizer: added_tokens of tokenizer.json must be a list, got ${show(tokens)}`
  })
  const ids = new Map<string, number>()
  for (const token of tokens as readonly unknown[]) {
    const content = isJsonObject(token) ? token['content'] : undefined
    check(isJsonObject(token) && typeof content === 'string', 'format', () => {
      return `tokenizer: added_tokens of tokenizer.json has ${show(token)}, where a token with its content must be`
    })
    checkSearched(content)
    ids.set(content, checkId(token['id'], content))
  }
  return ids
}

function checkId(id: unknown, token: string): number {
  check(typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < idLimit, 'format', () => {
    return `tokenizer: the token ${JSON.stringify(shorten(token))} of tokenizer.json has the id ${show(id)}; ids are whole numbers below ${idLimit}`
  })
  return id
}

function checkSearched(token: string): void {
  check(token.length <= longestSearched, 'unsupported', () => {
    return `tokenizer: the token ${JSON.stringify(shorten(token))} of tokenizer.json is longer than ${longestSearched} characters`
  })
}
