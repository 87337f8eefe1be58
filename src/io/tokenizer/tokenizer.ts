import { Tokenizer } from '@huggingface/tokenizers'
import { check, MedAwareError, messageOf } from '../../core/errors.ts'
import { isJsonObject, type JsonObject, parseJsonObject } from '../../core/json.ts'
import { anyText, flag, listOf, type OptionRules, readArgument, readOptions, whole } from '../../core/options.ts'
import { linearPattern } from '../../core/pattern-cost.ts'
import { shorten, show } from '../../core/show.ts'
import type { DecodeOptions, EncodeOptions, TextTokenizer } from '../../generate/text-tokenizer.ts'
import { withByteLevelCuts } from './byte-level-cuts.ts'
import { chatTemplateOf, specialTokensOf } from './chat-fields.ts'
import { checkTokenizer } from './check-tokenizer.ts'
import { tokenLocator } from './token-offsets.ts'

/** How common tokenizers name the end of a text, looked for when no tokenizer_config.json says. */
const EOS_NAMES = ['<|endoftext|>', '</s>', '<|end_of_text|>', '<eos>', '<|im_end|>']

export interface NumberedToken {
  readonly id: number
  readonly token: string
}

/** A tokenizer of a tokenizer.json. */
export interface FileTokenizer extends TextTokenizer {
  /** Tokens whose ids are from `id` on, as tokenizer.json writes them, ascending. */
  tokensFrom(id: number): readonly NumberedToken[]
}

/**
 * A tokenizer from a checkpoint's tokenizer.json, run by `@huggingface/tokenizers`. The end of text is
 * tokenizer_config.json's `eos_token`, else an added token with a common name, and never config.json's id: old Falcons
 * hold another model's there.
 * @param tokenizerJson The file's text, or what it parses to; likewise the config.
 * @throws MedAwareError `format` for what is not a tokenizer.json or names an algorithm that is not known,
 * `unsupported` for a regular expression that could take time without end, `not-found` when `eos_token` is not in the
 * vocabulary.
 */
export function tokenizerFromJson(
  tokenizerJson: string | JsonObject,
  tokenizerConfigJson: string | JsonObject = {},
): FileTokenizer {
  const config = parse(tokenizerConfigJson, 'tokenizer_config.json')
  const json = parse(tokenizerJson, 'tokenizer.json')
  const ids = checkTokenizer(json)
  const tokenizer = openTokenizer(json, config)
  const added = tokenizer.get_added_tokens_decoder()
  const specials = new Set([...added].flatMap(([id, token]) => (token.special ? [id] : [])))
  const highest = [...ids.learned.values(), ...added.keys()].reduce((most, id) => Math.max(most, id), -1)
  const eosToken = eosTokenOf(tokenizer, config)
  const locate = tokenLocator(json['decoder'])
  let splitting: Tokenizer | null = null
  return {
    vocabSize: highest + 1,
    eosToken,
    eosTokenId: eosToken === null ? null : (tokenizer.token_to_id(eosToken) ?? null),
    addedIds: [...added.keys()].sort((a, b) => a - b),
    chatTemplate: chatTemplateOf(config),
    specialTokens: specialTokensOf(config, eosToken),
    tokensFrom(from) {
      const some = [...ids.learned, ...[...added].map(([id, { content }]) => [content, id] as const)]
      const byId = new Map(some.flatMap(([token, id]) => (id >= from ? [[id, token]] : [])))
      return [...byId].map(([id, token]) => ({ id, token })).sort((a, b) => a.id - b.id)
    },
    offsets(text, some) {
      const tokens = some.map((id) => ({ written: tokenizer.id_to_token(id) ?? '', isAdded: added.has(id) }))
      return locate(text, tokens)
    },
    encode(text, options) {
      readArgument('tokenizer', 'what is encoded', text, anyText)
      const { addSpecialTokens = true, splitSpecialTokens = false } = readOptions('encode', options, encodeRules)
      const read = { add_special_tokens: addSpecialTokens }
      return encode(text, () => {
        if (!splitSpecialTokens) return tokenizer.encode(text, read).ids
        splitting ??= openTokenizer(withoutSpecialTokens(json), config)
        // What stands around a text are special tokens too: the whole tokenizer knows their ids.
        const { tokens, ids } = splitting.encode(text, read)
        return ids.map((id, i) => tokenizer.token_to_id(tokens[i] ?? '') ?? id)
      })
    },
    decode(some, options) {
      const { skipSpecialTokens = true } = readOptions('decode', options, decodeRules)
      const given = ArrayBuffer.isView(some) ? Array.from(some) : some
      const known = readArgument('tokenizer', 'what is decoded', given, idsRule).filter((id) => {
        return !(skipSpecialTokens && specials.has(id)) && tokenizer.id_to_token(id) !== undefined
      })
      // Tidying spaces would make the text of a few tokens differ from its place in the whole.
      if (known.length === 0) return ''
      return run('decodes', () => tokenizer.decode(known, { clean_up_tokenization_spaces: false }))
    },
  }
}

/** Ids that no token has are passed over, as transformers does; what can be no id is refused. */
const idsRule = listOf(whole({ from: 0 }))

const encodeRules: OptionRules<EncodeOptions> = { addSpecialTokens: flag, splitSpecialTokens: flag }
const decodeRules: OptionRules<DecodeOptions> = { skipSpecialTokens: flag }

function encode(text: string, work: () => number[]): number[] {
  const ids = run('encodes', work)
  check(
    ids.every((id: unknown) => typeof id === 'number'),
    'unsupported',
    () =>
      `tokenizer: no token for a part of ${JSON.stringify(text.slice(0, 40))}, and the vocabulary has no unknown token`,
  )
  return ids
}

/** A tokenizer.json that finds no special token in a text. */
function withoutSpecialTokens(json: JsonObject): JsonObject {
  const { added_tokens: added } = json
  if (!Array.isArray(added)) return json
  const isSpecial = (token: unknown) => isJsonObject(token) && token['special'] === true
  return { ...json, added_tokens: added.filter((token) => !isSpecial(token)) }
}

function parse(json: string | JsonObject, file: string): JsonObject {
  if (typeof json === 'string') return parseJsonObject(`tokenizer: ${file}`, json)
  check(isJsonObject(json), 'format', () => `tokenizer: ${file} must be a JSON object, got ${show(json)}`)
  return json
}

function openTokenizer(tokenizerJson: JsonObject, configJson: JsonObject): Tokenizer {
  const part = (name: string) => asInRust(tokenizerJson[name] ?? null)
  return run('is opened', () => {
    return new Tokenizer(
      {
        ...tokenizerJson,
        normalizer: part('normalizer'),
        pre_tokenizer: withByteLevelCuts(part('pre_tokenizer')),
        post_processor: part('post_processor'),
        decoder: part('decoder'),
        added_tokens: tokenizerJson['added_tokens'] ?? [],
      },
      configJson,
    )
  })
}

/** @throws MedAwareError `format` for whatever `@huggingface/tokenizers` throws, which is the cause. */
function run<T>(doing: string, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    const reason = shorten(messageOf(cause), 200)
    const where = doing === 'is opened' ? '' : ` where it ${doing}`
    throw new MedAwareError('format', `tokenizer: tokenizer.json cannot be used${where}, ${reason}`, { cause })
  }
}

const word = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d`

/**
 * A part that means what it means in Hugging Face's Rust library: digits and words of all scripts, where
 * `@huggingface/tokenizers` takes those of ASCII, and a `$` in a replacement that is a `$`. Runs at the end are found
 * in linear time.
 */
function asInRust(part: unknown): unknown {
  if (!isJsonObject(part)) return part
  const { type, individual_digits: isEach, content, pattern } = part
  for (const name of ['normalizers', 'pretokenizers', 'decoders']) {
    const { [name]: parts } = part
    if (Array.isArray(parts)) return { ...part, [name]: parts.map(asInRust) }
  }
  const split = (regex: string, invert: boolean) => {
    return { type: 'Split', pattern: { Regex: regex }, behavior: invert ? 'Removed' : 'Isolated', invert }
  }
  if (type === 'Digits') return split(isEach === true ? String.raw`\p{N}` : String.raw`\p{N}+`, false)
  const replaced = type === 'Replace' && typeof content === 'string' && { content: content.replaceAll('$', '$$$$') }
  if (isJsonObject(pattern) && typeof pattern['Regex'] === 'string') {
    return { ...part, ...replaced, pattern: { Regex: linearPattern(pattern['Regex']) } }
  }
  return type === 'Whitespace' ? split(String.raw`[${word}]+|[^${word}\s]+`, true) : { ...part, ...replaced }
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
