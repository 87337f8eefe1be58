import { DataError } from './data/data-error.ts'
import type { MedquadPair } from './data/medquad-pair.ts'
import { PairCounts } from './pair-counts.ts'

/** Hugging Face's `tokenizer.json`, of the byte-level BPE kind (GPT-2's). */
export interface TokenizerJson {
  version: '1.0'
  truncation: null
  padding: null
  added_tokens: {
    id: number
    content: string
    single_word: boolean
    lstrip: boolean
    rstrip: boolean
    normalized: boolean
    special: boolean
  }[]
  normalizer: null
  pre_tokenizer: { type: 'ByteLevel'; add_prefix_space: boolean; trim_offsets: boolean; use_regex: boolean }
  post_processor: null
  decoder: { type: 'ByteLevel'; add_prefix_space: boolean; trim_offsets: boolean; use_regex: boolean }
  model: {
    type: 'BPE'
    dropout: null
    unk_token: null
    continuing_subword_prefix: string
    end_of_word_suffix: string
    fuse_unk: boolean
    byte_fallback: boolean
    vocab: Record<string, number>
    merges: string[]
  }
}

export interface TokenizerOptions {
  /** Tokens in all: the special ones, the 256 bytes and the merges. Default 2048. */
  vocabSize?: number
  /** First ids, in this order. Default `['<|endoftext|>']`. */
  specialTokens?: string[]
  /** A merge must join at least this many pairs of the texts. Default 2. */
  minFrequency?: number
}

/** How GPT-2 cuts text into words before BPE: its `ByteLevel` pre-tokenizer with `use_regex`. */
const words = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu

/**
 * Trains a byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909; bytes as in GPT-2) on texts that hold no special
 * token. Deterministic, and equal to Hugging Face's `BpeTrainer` (tokenizers, models/bpe/trainer.rs): the most frequent
 * pair is merged, among equals the one of the smallest ids. Every byte has a token, so any text can be encoded.
 * Throws `DataError` `config` where `vocabSize` leaves no room for the special tokens and the bytes.
 */
export function trainBpeTokenizer(texts: Iterable<string>, options: TokenizerOptions = {}): TokenizerJson {
  const { vocabSize = 2048, specialTokens = ['<|endoftext|>'], minFrequency = 2 } = options
  const byteNames = gpt2ByteNames()
  const vocab = new Map<string, number>()
  for (const token of [...specialTokens, ...[...byteNames].sort()]) vocab.set(token, vocab.size)
  if (vocab.size > vocabSize) {
    throw new DataError(
      'config',
      `trainBpeTokenizer: vocabSize ${vocabSize} is under ${vocab.size}, the special tokens and bytes`,
    )
  }
  const byteIds = byteNames.map((name) => vocab.get(name) ?? 0)
  const names = [...vocab.keys()]
  const merges: string[] = []
  const pairs = new PairCounts(countWords(texts, byteIds))
  while (vocab.size < vocabSize) {
    const best = pairs.mostFrequent()
    if (!best || best.count < minFrequency) break
    const [left, right] = [names[best.left] ?? '', names[best.right] ?? '']
    const merged = left + right
    const id = vocab.get(merged) ?? vocab.size // two roads may lead to one token
    vocab.set(merged, id)
    names[id] = merged
    merges.push(`${left} ${right}`)
    pairs.merge(best.left, best.right, id)
  }
  return tokenizerJson(vocab, merges, specialTokens)
}

/** The tokenizer of the MedQuAD recipe: trained on the questions and answers of the train part, and nothing else. */
export function trainMedquadTokenizer(train: readonly MedquadPair[], options: TokenizerOptions = {}): TokenizerJson {
  return trainBpeTokenizer(
    train.flatMap((pair) => [pair.question, pair.answer]),
    options,
  )
}

/** The `tokenizer_config.json` beside it, which says what the special token is for. */
export function tokenizerConfig(endOfText = '<|endoftext|>'): Record<string, unknown> {
  return {
    tokenizer_class: 'GPT2Tokenizer',
    add_prefix_space: false,
    bos_token: endOfText,
    eos_token: endOfText,
    unk_token: endOfText,
    clean_up_tokenization_spaces: false,
  }
}

/** Each word's ids, a byte an id, with how often it came; in the order of first sight, so that training repeats. */
function countWords(texts: Iterable<string>, byteIds: readonly number[]): { ids: number[]; count: number }[] {
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const [word] of text.matchAll(words)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const utf8 = new TextEncoder()
  return [...counts].map(([word, count]) => ({
    ids: Array.from(utf8.encode(word), (byte) => byteIds[byte] ?? 0),
    count,
  }))
}

/** GPT-2's visible character for each byte: itself where it can be printed, else one from U+0100 on. */
function gpt2ByteNames(): string[] {
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    return String.fromCharCode(printable ? byte : next++)
  })
}

function tokenizerJson(vocab: Map<string, number>, merges: string[], specialTokens: string[]): TokenizerJson {
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({ id, content, ...plain })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(vocab),
      merges,
    },
  }
}
