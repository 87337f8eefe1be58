import { check } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { shorten, show } from '../../core/show.ts'

export type TokenIds = ReadonlyMap<string, number>

type Checked = (id: unknown, token: string) => number

const types = ['BPE', 'WordPiece', 'WordLevel', 'Unigram']

/**
 * Checks the algorithm of a tokenizer.json and its vocabulary.
 * @param checkId Returns the id that it is given, or throws.
 * @param checkSearched Throws for a token that is too long to look for.
 * @returns The id of each token.
 */
export function checkModel(
  { model }: JsonObject,
  checkId: Checked,
  checkSearched: (token: string) => void,
): Map<string, number> {
  check(
    isJsonObject(model) && (isJsonObject(model['vocab']) || Array.isArray(model['vocab'])),
    'format',
    () => 'tokenizer: tokenizer.json has no model.vocab; give the file that Hugging Face tokenizers writes',
  )
  const { type, vocab } = model
  check(type === undefined || types.some((each) => each === type), 'format', () => {
    return `tokenizer: model.type of tokenizer.json must be one of ${types.join(', ')}, got ${show(type)}`
  })
  const isList = Array.isArray(vocab)
  check(type === undefined || isList === (type === 'Unigram'), 'format', () => {
    return `tokenizer: model.vocab of a ${show(type)} must be ${isList ? 'an object of tokens and ids' : 'a list of tokens and scores'}`
  })
  checkTexts(model)
  if (isList) return checkUnigram(model, vocab, checkSearched)
  const ids = new Map(Object.entries(vocab).map(([token, id]) => [token, checkId(id, token)]))
  // Old files have no type; theirs is told by its fields.
  if (type === 'BPE' || model['merges'] !== undefined) checkMerges(model, ids)
  else if (type === 'WordPiece' || Object.hasOwn(model, 'continuing_subword_prefix')) checkWordPiece(model)
  return ids
}

function checkTexts(model: JsonObject): void {
  for (const name of ['unk_token', 'continuing_subword_prefix', 'continuing_subword_suffix', 'end_of_word_suffix']) {
    const value = model[name] ?? ''
    check(typeof value === 'string' && value.length <= 1024, 'format', () => {
      return `tokenizer: ${name} of tokenizer.json must be a text of at most 1024 characters, got ${show(value)}`
    })
  }
}

function checkUnigram(
  { unk_id: unknown = null }: JsonObject,
  vocab: readonly unknown[],
  checkSearched: (token: string) => void,
): Map<string, number> {
  const ids = new Map<string, number>()
  for (const [id, entry] of vocab.entries()) {
    const [token, score] = Array.isArray(entry) ? (entry as readonly unknown[]) : []
    check(typeof token === 'string' && Number.isFinite(score), 'format', () => {
      return `tokenizer: model.vocab of tokenizer.json has ${show(entry)}, where a token and its score must be`
    })
    checkSearched(token)
    ids.set(token, id)
  }
  check(unknown === null || (typeof unknown === 'number' && Object.hasOwn(vocab, unknown)), 'format', () => {
    return `tokenizer: unk_id of tokenizer.json must be one of its ${vocab.length} tokens, got ${show(unknown)}`
  })
  return ids
}

/** A merge of what no text is cut into, or into no token, is one of another vocabulary. */
function checkMerges({ merges, continuing_subword_prefix: prefix }: JsonObject, ids: TokenIds): void {
  check(Array.isArray(merges), 'format', () => {
    return `tokenizer: merges of tokenizer.json must be a list, got ${show(merges)}`
  })
  const isPairs = Array.isArray(merges[0])
  for (const merge of merges as readonly unknown[]) {
    const parts: unknown = !isPairs && typeof merge === 'string' ? merge.split(' ') : merge
    const [left, right] = Array.isArray(parts) ? (parts as readonly unknown[]) : []
    const isPair = Array.isArray(parts) && parts.length === 2 && isPairs === Array.isArray(merge)
    check(isPair && typeof left === 'string' && typeof right === 'string', 'format', () => {
      return `tokenizer: merges of tokenizer.json has ${show(merge)}, where ${isPairs ? 'a pair of tokens' : 'two tokens with a space between'} must be`
    })
    const made = left + (typeof prefix === 'string' && right.startsWith(prefix) ? right.slice(prefix.length) : right)
    const missing = [left, right, made].find((token) => !ids.has(token))
    check(missing === undefined, 'format', () => {
      return `tokenizer: merges of tokenizer.json has ${show(merge)}, but the vocabulary has no ${JSON.stringify(shorten(missing ?? ''))}`
    })
  }
}

function checkWordPiece(model: JsonObject): void {
  // It looks at every end of every begin of a word.
  const longest = model['max_input_chars_per_word'] ?? 100
  check(Number.isSafeInteger(longest) && Number(longest) > 0 && Number(longest) <= 1024, 'format', () => {
    return `tokenizer: max_input_chars_per_word of tokenizer.json must be a whole number from 1 to 1024, got ${show(longest)}`
  })
  const { continuing_subword_prefix: prefix } = model
  check(typeof prefix === 'string' && prefix.length <= 64, 'format', () => {
    return `tokenizer: continuing_subword_prefix of a WordPiece must be a text of at most 64 characters, got ${show(prefix)}`
  })
}
