import { check, MedAwareError } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { show, showNames } from '../../core/show.ts'
import { type GgufEntry, readBack } from '../../gguf/writer.ts'
import { checkTokenizer } from '../tokenizer/check-tokenizer.ts'
import type { TokenizerFiles } from '../tokenizer/tokenizer-files.ts'
import { GgufFields } from './gguf-fields.ts'
import { tokenizerFilesOf, tokenKinds } from './gguf-tokenizer.ts'
import { preTokenizers } from './pre-tokenizers.ts'
import { specialEntries, templateEntries, tokenNamed } from './special-entries.ts'
import {
  type AddedToken,
  addedTokens,
  cutsOf,
  essenceOf,
  mergesOf,
  prefixesFirst,
  tokensOf,
} from '../tokenizer/tokenizer-essence.ts'

/** A tokenizer that is written, and the model that it belongs to. */
export interface TokenizerToWrite {
  /** Begins messages. */
  readonly who: string
  readonly files: TokenizerFiles
  /** Rows of the model's table, each of which gets a token. */
  readonly vocabSize: number
  /** Ids by config.json, where the tokenizer has no such token. */
  readonly bos: number | null
  readonly eos: number | null
  /** Whether SentencePiece's merges go by the order of tokens, as Gemma's. */
  readonly ordersMerges: boolean
  readonly warn: (message: string) => void
}

const key = (name: string): string => `tokenizer.ggml.${name}`

/**
 * A tokenizer in GGUF's keys, as convert_hf_to_gguf.py writes it. They are read back, and held against the tokenizer.
 * @throws MedAwareError `unsupported` for one that GGUF cannot express: another algorithm than BPE, texts that are cut
 * in a way that it has no word for, or anything else that reads back as another tokenizer; `format` for a file that is
 * no tokenizer.json.
 */
export function tokenizerEntries(given: TokenizerToWrite): readonly GgufEntry[] {
  const { who, ordersMerges, warn } = given
  checkTokenizer(given.files.tokenizer)
  const files = withinTable(given)
  const { tokenizer, config } = files
  const model = isJsonObject(tokenizer['model']) ? tokenizer['model'] : {}
  const { type = 'BPE', byte_fallback: isSentencePiece, merges } = model
  check(type === 'BPE' && Array.isArray(merges), 'unsupported', () => {
    return `${who}: tokenizer.json has a model of type ${show(model['type'])}; GGUF files are written with BPE alone`
  })
  for (const name of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    check((model[name] ?? '') === '', 'unsupported', () => {
      return `${who}: tokenizer.json has ${name} ${show(model[name])}, which GGUF has no word for`
    })
  }
  if (prefixesFirst(tokenizer)) {
    warn(
      `${who}: tokenizer.json puts a space before the first word alone, llama.cpp before each word behind a special token`,
    )
  }
  const unknown = tokenNamed(config, 'unk') ?? model['unk_token'] ?? null
  const words = isSentencePiece === true ? sentencePiece(tokenizer, model) : byteLevel(who, tokenizer, model)
  const table = tableOf({ ...given, files }, isSentencePiece === true)
  const entries: readonly GgufEntry[] = [
    ...words.kind,
    { key: key('tokens'), type: 'string', value: table.tokens },
    ...words.behind(table),
    { key: key('token_type'), type: 'int32', value: table.types },
    ...words.merges,
    ...specialEntries(files, { ...given, unknown }),
    ...templateEntries(config),
  ]
  checkSame(who, entries, files, ordersMerges)
  return entries
}

/** Tokens and their types, one for each row of the model's table. */
interface Table {
  readonly tokens: readonly string[]
  readonly types: readonly number[]
}

/** What differs between the kinds of tokenizers: keys before the tokens, behind them, and behind their types. */
interface KindOfWords {
  readonly kind: readonly GgufEntry[]
  readonly behind: (table: Table) => readonly GgufEntry[]
  readonly merges: readonly GgufEntry[]
}

function byteLevel(who: string, tokenizer: JsonObject, model: JsonObject): KindOfWords {
  const ignores = model['ignore_merges'] === true
  const cuts = cutsOf(tokenizer)
  const found = Object.entries(preTokenizers).find(([, { pre_tokenizer, normalizer, ignoresMerges = false }]) => {
    return ignores === ignoresMerges && cutsOf({ pre_tokenizer, normalizer: normalizer ?? null }) === cuts
  })
  check(found !== undefined, 'unsupported', () => {
    return `${who}: the normalizer and pre-tokenizer of tokenizer.json are none that GGUF files are written with; known are those of ${Object.keys(preTokenizers).join(', ')}`
  })
  return {
    kind: [
      { key: key('model'), type: 'string', value: 'gpt2' },
      { key: key('pre'), type: 'string', value: found[0] },
    ],
    behind: () => [],
    merges: [{ key: key('merges'), type: 'string', value: mergesOf(model) }],
  }
}

/** Scores are ranks: llama.cpp merges what has the highest first, a tokenizer.json what stands first. */
function sentencePiece(tokenizer: JsonObject, model: JsonObject): KindOfWords {
  return {
    kind: [
      { key: key('model'), type: 'string', value: 'llama' },
      { key: key('pre'), type: 'string', value: 'default' },
    ],
    behind: ({ tokens, types }) => {
      const normal = new Set(tokens.filter((_, id) => types[id] === tokenKinds.normal))
      const made = mergesOf(model).map((merge) => merge.replace(' ', ''))
      const ordered = new Set([...made.filter((token) => normal.has(token)), ...normal])
      const ranks = new Map([...ordered].map((token, rank) => [token, -rank]))
      const scores = tokens.map((token, id) => ranks.get(token) ?? otherScores[types[id] ?? 0] ?? -1000)
      return [{ key: key('scores'), type: 'float32', value: scores }]
    },
    merges: [{ key: key('add_space_prefix'), type: 'bool', value: cutsOf(tokenizer).includes('"Prepend"') }],
  }
}

/** Scores of tokens that no merge makes, by their types; of those that were added -1000. */
const otherScores: Readonly<Record<number, number>> = { [tokenKinds.byte]: 0, [tokenKinds.unused]: -10_000 }

function tableOf({ who, files, vocabSize }: TokenizerToWrite, hasBytes: boolean): Table {
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`)
  const types: number[] = tokens.map(() => tokenKinds.unused)
  for (const [token, id] of tokensOf(files.tokenizer)) {
    check(id < vocabSize, 'unsupported', () => {
      return `${who}: tokenizer.json has ${show(token)} as token ${id}, the model a table of ${vocabSize}`
    })
    tokens[id] = token
    types[id] = hasBytes && /^<0x[0-9A-Fa-f]{2}>$/.test(token) ? tokenKinds.byte : tokenKinds.normal
  }
  for (const token of addedTokens(files.tokenizer)) {
    const { id, content } = token
    types[id] = isControl(token) ? tokenKinds.control : tokenKinds.userDefined
    if (types[id] === tokenKinds.userDefined) tokens[id] = content.replaceAll('▁', ' ')
  }
  return { tokens, types }
}

/** Tokens that the converter takes for control tokens, whatever their field says (`does_token_look_special`). */
function isControl({ special, content }: AddedToken): boolean {
  return (
    special === true ||
    ['<pad>', '<mask>', '<2mass>', '[@BOS@]'].includes(content) ||
    /^<(\|.*\||｜.*｜|unused.*)>$/s.test(content)
  )
}

/** Without added tokens that the model has no embedding for, and in Gemma's order without runs of spaces. */
function withinTable({ who, files, vocabSize, ordersMerges, warn }: TokenizerToWrite): TokenizerFiles {
  const added = addedTokens(files.tokenizer)
  const beyond = added.filter(({ id }) => id >= vocabSize)
  if (beyond.length > 0) {
    warn(
      `${who}: the model has no embedding for ${showNames(beyond.map(({ content }) => content))}, which the file is written without`,
    )
  }
  if (!ordersMerges && beyond.length === 0) return files
  return { ...files, tokenizer: { ...files.tokenizer, added_tokens: added.filter(({ id }) => id < vocabSize) } }
}

/** @throws MedAwareError `unsupported` where what is read back gives other ids. */
function checkSame(who: string, entries: readonly GgufEntry[], files: TokenizerFiles, ordersMerges: boolean): void {
  const back = tokenizerFilesOf(new GgufFields(readBack(entries), who), ordersMerges)
  if (back === null) throw new MedAwareError('format', `${who}: tokenizer.json has no tokens`)
  const [own, read] = [files, back].map((each) => essenceOf(ordersMerges ? withoutRuns(each) : each, isControl))
  const differing = Object.keys(own?.parts ?? {}).filter((part) => own?.parts[part] !== read?.parts[part])
  const isSame =
    own?.tokens.size === read?.tokens.size &&
    [...(own?.tokens ?? [])].every(([token, id]) => read?.tokens.get(token) === id)
  const lost = [...(isSame ? [] : ['tokens']), ...differing]
  check(lost.length === 0, 'unsupported', () => {
    return `${who}: GGUF cannot say what tokenizer.json does; read back, these would differ: ${lost.join(', ')}`
  })
}

/** Gemma adds runs of spaces, which its merges make as well. */
function withoutRuns({ tokenizer, config }: TokenizerFiles): TokenizerFiles {
  const added = addedTokens(tokenizer).filter(({ content }) => !/^▁+$/.test(content))
  return { tokenizer: { ...tokenizer, added_tokens: added }, config }
}
