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

/** GPT-4's expression, with as many digits in one piece as told, and what ends a piece of signs. */
const gpt4 = (digits: string, signs = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*`): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}|${signs}|\s*[\r\n]+|\s+(?!\S)|\s+`

const [upper, lower] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`]
/** GPT-4o's, whose letters part where upper case follows lower, with what a word may end in. */
const gpt4o = (digits: string, ending: string): string =>
  String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+${ending}|[^\r\n\p{L}\p{N}]?${upper}+${lower}*${ending}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

const gpt2Cuts = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
const gpt2: PreTokenizer = { pre_tokenizer: byteLevel(true) }
const digitsApart: PreTokenizer = {
  pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
}
/** llama.cpp's for files that say nothing, whatever their model was trained with. */
const unsaid: PreTokenizer = {
  pre_tokenizer: sequence(
    split(String.raw`[\p{P}$+<=>^~|]+`),
    split(gpt2Cuts),
    split(String.raw`\p{N}+`),
    split('[0-9][0-9][0-9]'),
    byteLevel(false),
  ),
}
const cut = (regex: string): PreTokenizer => ({ pre_tokenizer: sequence(split(regex), byteLevel(false)) })
const thousands = String.raw`\p{N}{1,3}`
const llama3: PreTokenizer = { ...cut(gpt4(thousands)), ignoresMerges: true, addsBos: true }
const qwen2: PreTokenizer = { ...cut(gpt4(String.raw`\p{N}`)), normalizer: { type: 'NFC' } }
/** Mistral's since Nemo. */
const tekken: PreTokenizer = { ...cut(gpt4o(String.raw`\p{N}`, '')), ignoresMerges: true, addsBos: true }

/** What `tokenizer.ggml.pre` stands for. */
const families: readonly (readonly [PreTokenizer, string])[] = [
  [unsaid, 'default'],
  [gpt2, 'gpt-2 phi-2 mpt olmo mellum exaone4 a.x-4.0 trillion gigachat'],
  [digitsApart, 'smollm starcoder refact command-r codeshell exaone minerva-7b mellum2'],
  [llama3, 'llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2'],
  [cut(gpt4(thousands)), 'smaug-bpe dbrx'],
  [qwen2, 'qwen2 deepseek-r1-qwen megrez kormo'],
  [cut(gpt4(String.raw`\p{N}`, String.raw` ?[^\s\p{L}\p{N}\r\n]+`)), 'seed-coder'],
  [tekken, 'tekken'],
  [cut(gpt4o(thousands, String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)?`)), 'gpt-4o llama4 kanana2'],
]

/**
 * By `tokenizer.ggml.pre` (llama.cpp, src/llama-vocab.cpp), each as transformers has it in the tokenizer.json of the
 * model that the word stands for, or in what it makes of a GGUF file (gguf_tokenizer_mapping.py).
 */
export const preTokenizers: Readonly<Record<string, PreTokenizer>> = Object.fromEntries(
  families.flatMap(([one, words]) => words.split(' ').map((word) => [word, one])),
)
