import { Tokenizer } from '@huggingface/tokenizers'
import { check, MedAwareError } from '../core/errors.ts'
import { isJsonObject, type JsonObject, parseJsonObject } from '../core/json.ts'
import { flag, readArgument, readOptions, that } from '../core/options.ts'
import { checkPatternCost } from '../core/pattern-cost.ts'
import { shorten, show } from '../core/show.ts'
import type { EncodeOptions, TextTokenizer } from '../generate/text-tokenizer.ts'

/** How common tokenizers name the end of a text, looked for when no tokenizer_config.json says. */
const EOS_NAMES = ['<|endoftext|>', '</s>', '<|end_of_text|>', '<eos>', '<|im_end|>']

/** Ids stay below it: the largest vocabularies have 260,000, and tables are made by the highest. */
const idLimit = 2 ** 24

/** A tokenizer of a tokenizer.json. */
export interface FileTokenizer extends TextTokenizer {
  /** The highest id of the vocabulary that was learned, added tokens left out, + 1. */
  readonly learnedVocabSize: number
}

/**
 * A tokenizer from a checkpoint's tokenizer.json, run by `@huggingface/tokenizers`. The end of text is tokenizer_config.json's
 * `eos_token`, else an added token with a common name, and never config.json's id: old Falcons hold another model's there.
 * @param tokenizerJson The file's text, or what it parses to; likewise the config.
 * @throws MedAwareError `format` for what is not a tokenizer.json or names an algorithm that is not known, `unsupported` for a
 * regular expression that could take time without end, `not-found` when `eos_token` is not in the vocabulary.
 */
export function tokenizerFromJson(
  tokenizerJson: string | JsonObject,
  tokenizerConfigJson: string | JsonObject = {},
): FileTokenizer {
  const config = parse(tokenizerConfigJson, 'tokenizer_config.json')
  const json = parse(tokenizerJson, 'tokenizer.json')
  checkVocabulary(json)
  checkParts(json)
  const tokenizer = openTokenizer(json, config)
  const added = tokenizer.get_added_tokens_decoder()
  const specials = new Set([...added].flatMap(([id, token]) => (token.special ? [id] : [])))
  const ids = [...tokenizer.get_vocab().values()]
  const above = (some: readonly number[]) => some.reduce((highest, id) => Math.max(highest, id), -1) + 1
  const eosToken = eosTokenOf(tokenizer, config)
  return {
    vocabSize: above(ids),
    learnedVocabSize: above(ids.filter((id) => !added.has(id))),
    eosToken,
    eosTokenId: eosToken === null ? null : (tokenizer.token_to_id(eosToken) ?? null),
    addedIds: [...added.keys()].sort((a, b) => a - b),
    encode(text, options) {
      return encode(tokenizer, text, options)
    },
    decode(some) {
      const known = some.filter((id) => !specials.has(id) && tokenizer.id_to_token(id) !== undefined)
      // Tidying spaces would make the text of a few tokens differ from its place in the whole.
      return known.length === 0 ? '' : tokenizer.decode(known, { clean_up_tokenization_spaces: false })
    },
  }
}

const textRule = that('a text', (value): value is string => typeof value === 'string')

function encode(tokenizer: Tokenizer, text: string, options: EncodeOptions | undefined): number[] {
  readArgument('tokenizer', 'what is encoded', text, textRule)
  const { addSpecialTokens = true } = readOptions<EncodeOptions>('encode', options, { addSpecialTokens: flag })
  const { ids } = tokenizer.encode(text, { add_special_tokens: addSpecialTokens })
  const unknown = ids.findIndex((id: number | undefined) => id === undefined)
  check(
    unknown < 0,
    'unsupported',
    () =>
      `tokenizer: no token for a part of ${JSON.stringify(text.slice(0, 40))}, and the vocabulary has no unknown token`,
  )
  return ids
}

function parse(json: string | JsonObject, file: string): JsonObject {
  if (typeof json === 'string') return parseJsonObject(`tokenizer: ${file}`, json)
  check(isJsonObject(json), 'format', () => `tokenizer: ${file} must be a JSON object, got ${show(json)}`)
  return json
}

/** @throws MedAwareError `format` for ids that are none, before tables are made by them. */
function checkVocabulary({ model, added_tokens: added = [] }: JsonObject): void {
  check(
    isJsonObject(model) && (isJsonObject(model['vocab']) || Array.isArray(model['vocab'])),
    'format',
    () => 'tokenizer: tokenizer.json has no model.vocab; give the file that Hugging Face tokenizers writes',
  )
  const { vocab } = model
  if (isJsonObject(vocab)) for (const token in vocab) checkId(vocab[token], token)
  // WordPiece looks at every end of every begin of a word.
  const longest = model['max_input_chars_per_word'] ?? 100
  check(Number.isSafeInteger(longest) && Number(longest) > 0 && Number(longest) <= 1024, 'format', () => {
    return `tokenizer: max_input_chars_per_word of tokenizer.json must be a whole number from 1 to 1024, got ${show(longest)}`
  })
  check(added === null || Array.isArray(added), 'format', () => {
    return `tokenizer: added_tokens of tokenizer.json must be a list, got ${show(added)}`
  })
  for (const token of (added ?? []) as readonly unknown[]) {
    check(isJsonObject(token) && typeof token['content'] === 'string', 'format', () => {
      return `tokenizer: added_tokens of tokenizer.json has ${show(token)}, where a token with its content must be`
    })
    checkId(token['id'], token['content'])
  }
}

function checkId(id: unknown, token: string): void {
  check(Number.isInteger(id) && Number(id) >= 0 && Number(id) < idLimit, 'format', () => {
    return `tokenizer: the token ${JSON.stringify(shorten(token))} of tokenizer.json has the id ${show(id)}; ids are whole numbers below ${idLimit}`
  })
}

/** How many times as long as it was the parts of a tokenizer may make a text between them. */
const mostGrowth = 65_536

/**
 * Refuses what would take time or room without end on some text.
 * @throws MedAwareError `unsupported` or `format`, and as `checkPatternCost`.
 */
function checkParts(json: JsonObject): void {
  const left: unknown[] = [json['normalizer'], json['pre_tokenizer'], json['post_processor'], json['decoder']]
  let growth = 1
  while (left.length > 0) {
    const part: unknown = left.pop()
    if (Array.isArray(part)) for (const each of part as readonly unknown[]) left.push(each)
    if (!isJsonObject(part)) continue
    checkPart(part)
    growth *= growthOf(part)
    for (const value of Object.values(part)) if (typeof value === 'object') left.push(value)
  }
  check(growth <= mostGrowth, 'unsupported', () => {
    return `tokenizer: the parts of tokenizer.json make a text up to ${growth} times as long; ${mostGrowth} times are the most`
  })
}

function checkPart({ type, pattern, length }: JsonObject): void {
  const regex = isJsonObject(pattern) ? pattern['Regex'] : undefined
  if (typeof regex === 'string') checkPatternCost(regex, 'tokenizer: tokenizer.json')
  const isLength = type !== 'FixedLength' || (Number.isSafeInteger(length) && Number(length) > 0)
  check(isLength, 'format', () => {
    return `tokenizer: FixedLength of tokenizer.json must have a length from 1, got ${show(length)}`
  })
}

/** How many times as long as it was a part may make a text. */
function growthOf({ type, content, pattern, single }: JsonObject): number {
  if (type === 'TemplateProcessing' && Array.isArray(single)) {
    return Math.max(1, single.filter((each) => isJsonObject(each) && 'Sequence' in each).length)
  }
  if (type !== 'Replace' || typeof content !== 'string') return 1
  const replaced = isJsonObject(pattern) && typeof pattern['String'] === 'string' ? pattern['String'].length : 0
  // A regular expression may match nothing, between any two characters.
  return replaced > 0 ? Math.max(1, content.length / replaced) : content.length + 1
}

function openTokenizer(tokenizerJson: JsonObject, configJson: JsonObject): Tokenizer {
  const optional = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null }
  try {
    return new Tokenizer(
      {
        ...optional,
        ...tokenizerJson,
        pre_tokenizer: inUnicode(tokenizerJson['pre_tokenizer'] ?? null),
        added_tokens: tokenizerJson['added_tokens'] ?? [],
      },
      configJson,
    )
  } catch (cause) {
    const reason = shorten(cause instanceof Error ? cause.message : String(cause), 200)
    throw new MedAwareError('format', `tokenizer: tokenizer.json cannot be used, ${reason}`, { cause })
  }
}

const word = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d`

/**
 * A pre-tokenizer whose parts mean what they mean in Hugging Face's Rust library: digits and words of all scripts, where
 * `@huggingface/tokenizers` takes those of ASCII.
 */
function inUnicode(part: unknown): unknown {
  if (!isJsonObject(part)) return part
  const { type, pretokenizers, individual_digits: isEach } = part
  if (Array.isArray(pretokenizers)) return { ...part, pretokenizers: pretokenizers.map(inUnicode) }
  const split = (regex: string, invert: boolean) => {
    return { type: 'Split', pattern: { Regex: regex }, behavior: invert ? 'Removed' : 'Isolated', invert }
  }
  if (type === 'Digits') return split(isEach === true ? String.raw`\p{N}` : String.raw`\p{N}+`, false)
  return type === 'Whitespace' ? split(String.raw`[${word}]+|[^${word}\s]+`, true) : part
}

function eosTokenOf(tokenizer: Tokenizer, { eos_token: given }: JsonObject): string | null {
  if (given === undefined || given === null) {
    const added = new Set([...tokenizer.get_added_tokens_decoder().values()].map(({ content }) => content))
    return EOS_NAMES.find((common) => added.has(common)) ?? null
  }
  const name = isJsonObject(given) ? given['content'] : given
  check(typeof name === 'string', 'format', () => {
    return `tokenizer: eos_token of tokenizer_config.json must be a text or have a content, got ${show(given)}`
  })
  check(
    tokenizer.token_to_id(name) !== undefined,
    'not-found',
    () => `tokenizer: eos_token ${JSON.stringify(shorten(name))} of tokenizer_config.json is not in the vocabulary`,
  )
  return name
}
