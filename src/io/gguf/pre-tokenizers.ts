import type { JsonObject } from '../../core/json.ts'

/** How texts are cut before a byte-level BPE: parts of a tokenizer.json. */
export interface PreTokenizer {
  readonly pre_tokenizer: JsonObject
  readonly normalizer?: JsonObject
  /** Whether a piece that is a token stays one, whatever the merges say. Default false. */
  readonly ignoresMerges?: boolean
  /** Whether `<s>` is put in front where the file does not say. Default false. */
  readonly addsBos?: boolean
}

const byteLevel = (cuts: boolean): JsonObject => {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: cuts }
}
const sequence = (...pretokenizers: readonly JsonObject[]): JsonObject => ({ type: 'Sequence', pretokenizers })
const split = (regex: string): JsonObject => {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }
}

/** GPT-4's expression, with as many digits in one piece as told. */
const gpt4 = (digits: string): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

const [upper, lower] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`]
const tekkenCuts = String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+|[^\r\n\p{L}\p{N}]?${upper}+${lower}*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

const gpt2: PreTokenizer = { pre_tokenizer: byteLevel(true) }
const digitsApart: PreTokenizer = {
  pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
}
const llama3: PreTokenizer = {
  pre_tokenizer: sequence(split(gpt4(String.raw`\p{N}{1,3}`)), byteLevel(false)),
  ignoresMerges: true,
  addsBos: true,
}
const qwen2: PreTokenizer = {
  pre_tokenizer: sequence(split(gpt4(String.raw`\p{N}`)), byteLevel(false)),
  normalizer: { type: 'NFC' },
}

/** Mistral's since Nemo, whose letters part where upper case follows lower. */
const tekken: PreTokenizer = {
  pre_tokenizer: sequence(split(tekkenCuts), byteLevel(false)),
  ignoresMerges: true,
  addsBos: true,
}

/**
 * By `tokenizer.ggml.pre` (llama.cpp, src/llama-vocab.cpp), each as transformers has it in the tokenizer.json of the
 * model that the word stands for.
 */
export const preTokenizers: Readonly<Record<string, PreTokenizer>> = {
  'gpt-2': gpt2,
  smollm: digitsApart,
  starcoder: digitsApart,
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  falcon3: llama3,
  'smaug-bpe': { pre_tokenizer: llama3.pre_tokenizer },
  qwen2,
  'deepseek-r1-qwen': qwen2,
  tekken,
}
