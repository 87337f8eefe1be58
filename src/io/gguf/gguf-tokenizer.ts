import { check, MedAwareError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'
import type { GgufFields } from './gguf-fields.ts'
import { preTokenizers } from './pre-tokenizers.ts'
import type { TokenizerFiles } from '../tokenizer/tokenizer-files.ts'
import { mergesOf } from './sentencepiece-merges.ts'

/** `tokenizer.ggml.token_type` (llama.h): what a token is for. */
export const tokenKinds = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

const key = (name: string): string => `tokenizer.ggml.${name}`

/** Tokens, and what each is for. */
interface Vocabulary {
  readonly tokens: readonly string[]
  readonly types: readonly number[]
  readonly ordersMerges: boolean
}

/** What differs between the kinds of tokenizers. */
interface Parts {
  readonly model: JsonObject
  readonly normalizer?: JsonObject | undefined
  readonly pre_tokenizer?: JsonObject
  readonly decoder: JsonObject
  readonly addsBos: boolean
}

/**
 * tokenizer.json and tokenizer_config.json of a GGUF file, `null` where it has no tokenizer.
 * @param ordersMerges Whether SentencePiece's merges go by the order of tokens, as Gemma's, and not by scores.
 * @throws MedAwareError `unsupported` for a kind or a pre-tokenizer that is not known, `format` for lists that do not
 * fit together.
 */
export function tokenizerFilesOf(fields: GgufFields, ordersMerges = false): TokenizerFiles | null {
  const written = fields.texts(key('tokens'))
  const kind = fields.text(key('model'))
  if (written === undefined || kind === undefined || kind === 'none') return null
  const tokens = ordersMerges ? written.map(asPiece) : written
  check(new Set(tokens).size === tokens.length, 'format', () => `${fields.who}: ${key('tokens')} has a token twice`)
  const told = fields.numbers(key('token_type')) ?? tokens.map(() => tokenKinds.normal)
  checkLength(fields, 'token_type', told, tokens)
  const types = told.map((type, id) => (tokens[id] === written[id] ? type : tokenKinds.normal))
  const vocabulary = { tokens, types, ordersMerges }
  const { addsBos, ...parts } = partsOf(fields, kind, vocabulary)
  const at = (name: string): string | undefined => {
    const id = fields.number(key(`${name}_token_id`))
    if (id === undefined) return undefined
    const token = tokens[id]
    check(token !== undefined, 'format', () => `${fields.who}: ${key(`${name}_token_id`)} ${id} is no token's`)
    return token
  }
  const specials = { bos: at('bos'), eos: at('eos'), unk: at('unknown'), pad: at('padding') }
  const around = {
    before: (fields.flag(key('add_bos_token')) ?? addsBos) ? specials.bos : undefined,
    after: (fields.flag(key('add_eos_token')) ?? false) ? specials.eos : undefined,
  }
  const named = Object.entries(specials).filter(([, token]) => token !== undefined)
  const template = chatTemplateOf(fields)
  return {
    tokenizer: {
      version: '1.0',
      added_tokens: addedTokens(vocabulary),
      normalizer: null,
      pre_tokenizer: null,
      post_processor: templateOf(around, tokens),
      ...parts,
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      add_prefix_space: false,
      clean_up_tokenization_spaces: false,
      ...Object.fromEntries(named.map(([name, token]) => [`${name}_token`, token])),
      ...(template !== null && { chat_template: template }),
    },
  }
}

/** What is odd about a file's tokenizer; llama.cpp warns so where a file names no pre-tokenizer (llama-vocab.cpp). */
export function tokenizerWarnings(fields: GgufFields): readonly string[] {
  if (fields.text(key('model')) !== 'gpt2' || preOf(fields) !== unsaidPre) return []
  const said =
    fields.text(key('pre')) === undefined ? `the metadata has no ${key('pre')}` : `${key('pre')} is "default"`
  return [
    `${fields.who}: ${said}, so texts are cut into tokens as llama.cpp does by default; a model that was trained on others ` +
      'answers worse: convert it anew with a present convert_hf_to_gguf.py, or take the tokenizer of the original with loadTokenizer',
  ]
}

const unsaidPre = 'default'

function preOf(fields: GgufFields): string {
  return fields.text(key('pre')) ?? unsaidPre
}

function partsOf(fields: GgufFields, kind: string, vocabulary: Vocabulary): Parts {
  if (kind === 'gpt2') return byteLevelParts(fields, vocabulary)
  if (kind === 'llama') return sentencePieceParts(fields, vocabulary)
  throw new MedAwareError('unsupported', `${fields.who}: ${key('model')} ${show(kind)} is not read; gpt2 and llama are`)
}

function byteLevelParts(fields: GgufFields, vocabulary: Vocabulary): Parts {
  const pre = preOf(fields)
  const known = Object.hasOwn(preTokenizers, pre) ? preTokenizers[pre] : undefined
  check(known !== undefined, 'unsupported', () => {
    return `${fields.who}: ${key('pre')} ${show(pre)} is not read; known are ${Object.keys(preTokenizers).join(', ')}`
  })
  const { pre_tokenizer, normalizer, ignoresMerges = false, addsBos = false } = known
  const merges = fields.needed(key('merges'), fields.texts(key('merges')))
  return {
    model: { type: 'BPE', vocab: vocabOf(vocabulary), merges, ignore_merges: ignoresMerges },
    pre_tokenizer,
    ...(normalizer && { normalizer }),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    addsBos,
  }
}

/** SentencePiece's BPE, as transformers makes it of a tokenizer.model (convert_slow_tokenizer.py, `LlamaConverter`). */
function sentencePieceParts(fields: GgufFields, vocabulary: Vocabulary): Parts {
  const { tokens, types, ordersMerges } = vocabulary
  const scores = ordersMerges ? tokens.map((_, id) => -id) : fields.needed(key('scores'), fields.numbers(key('scores')))
  checkLength(fields, 'scores', scores, tokens)
  const merges = mergesOf(fields.who, tokens, scores, (id) => types[id] === tokenKinds.normal)
  const prefixed = fields.flag(key('add_space_prefix')) ?? true
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const unknown = tokens[fields.number(key('unknown_token_id')) ?? types.indexOf(tokenKinds.unknown)]
  return {
    model: {
      ...{ type: 'BPE', vocab: vocabOf(vocabulary), merges, unk_token: unknown ?? null },
      ...{ fuse_unk: true, byte_fallback: true, ignore_merges: false },
    },
    normalizer: prefixed ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, spaces] } : spaces,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    addsBos: true,
  }
}

/** A run of spaces, which the converter writes as such, as the piece that merges make. */
function asPiece(token: string): string {
  return /^ +$/.test(token) ? '▁'.repeat(token.length) : token
}

/** Ids by token; what only fills the table up to the model's size is left out. */
function vocabOf({ tokens, types }: Vocabulary): JsonObject {
  return Object.fromEntries(tokens.flatMap((token, id) => (types[id] === tokenKinds.unused ? [] : [[token, id]])))
}

function addedTokens({ tokens, types }: Vocabulary): readonly JsonObject[] {
  const added: readonly (number | undefined)[] = [tokenKinds.unknown, tokenKinds.control, tokenKinds.userDefined]
  return tokens.flatMap((content, id) => {
    if (!added.includes(types[id])) return []
    const special = types[id] !== tokenKinds.userDefined
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }]
  })
}

function templateOf(
  { before, after }: { readonly before: string | undefined; readonly after: string | undefined },
  tokens: readonly string[],
): JsonObject | null {
  const tokensAround = [before, after].filter((token) => token !== undefined)
  if (tokensAround.length === 0) return null
  const around = (id: 'A' | 'B', type_id: number) => [
    ...(before === undefined ? [] : [{ SpecialToken: { id: before, type_id } }]),
    { Sequence: { id, type_id } },
    ...(after === undefined ? [] : [{ SpecialToken: { id: after, type_id } }]),
  ]
  const told = tokensAround.map((id) => [id, { id, ids: [tokens.indexOf(id)], tokens: [id] }])
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(told) as JsonObject,
  }
}

/** The template, or several by name, as tokenizer_config.json has them. */
function chatTemplateOf(fields: GgufFields): string | readonly JsonObject[] | null {
  const main = fields.text('tokenizer.chat_template')
  const named = (fields.texts('tokenizer.chat_templates') ?? []).flatMap((name) => {
    const template = fields.text(`tokenizer.chat_template.${name}`)
    return template === undefined ? [] : [{ name, template }]
  })
  if (named.length === 0) return main ?? null
  return [...(main === undefined ? [] : [{ name: 'default', template: main }]), ...named]
}

function checkLength({ who }: GgufFields, name: string, list: readonly unknown[], tokens: readonly string[]): void {
  check(list.length === tokens.length, 'format', () => {
    return `${who}: ${key(name)} has ${list.length} entries, ${key('tokens')} ${tokens.length}`
  })
}
