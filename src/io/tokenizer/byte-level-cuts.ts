import { isJsonObject } from '../../core/json.ts'

/** GPT-2's expression. */
const cuts = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

/**
 * A pre-tokenizer whose byte level cuts by a part of its own: that of `@huggingface/tokenizers` takes U+FEFF for a
 * space and U+0085 for none, where an expression in a file is read as the Rust library reads it.
 */
export function withByteLevelCuts(part: unknown): unknown {
  if (!isJsonObject(part)) return part
  const { type, pretokenizers, use_regex: doesCut = true, add_prefix_space: isPrefixed } = part
  if (Array.isArray(pretokenizers)) return { ...part, pretokenizers: pretokenizers.map(withByteLevelCuts) }
  // A space would be put before each piece.
  if (type !== 'ByteLevel' || doesCut !== true || isPrefixed === true) return part
  const split = { type: 'Split', pattern: { Regex: cuts }, behavior: 'Isolated', invert: false }
  return { type: 'Sequence', pretokenizers: [split, { ...part, use_regex: false }] }
}
