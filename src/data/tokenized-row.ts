import { type Example, ignoredLabel, labelCount } from '../models/example.ts'
import type { EndOfText, ExampleTokenizer } from './example-tokenizer.ts'

/** A row as tokens, whole. */
export interface TokenizedRow {
  readonly inputIds: Int32Array
  /** One a token: the token itself where it is learned, -100 where not. */
  readonly labels: Int32Array
}

/** Where tokens of a prompt alone are others than before its completion. */
export interface PromptDifference {
  readonly prompt: string
  /** Tokens that are the same. */
  readonly from: number
}

/** A text, learned whole, with EOS behind it unless it ends in it (TRL 1.16, sft_trainer.py's add_eos). */
export function encodeText(tokenizer: ExampleTokenizer, eos: EndOfText, text: string): TokenizedRow {
  const inputIds = Int32Array.from(tokenizer.encode(withEnd(text, eos)))
  return { inputIds, labels: inputIds.slice() }
}

/**
 * Prompt and completion as one text, with EOS behind it unless it ends in it. The prompt is as far as its tokens alone
 * are those of the whole (TRL 1.16, sft_trainer.py's tokenize_fn).
 * @param completionOnly Whether the prompt is masked.
 * @param onDifference Told where the prompt ends within a token of the whole.
 */
export function encodePair(
  tokenizer: ExampleTokenizer,
  eos: EndOfText,
  { prompt, completion }: { readonly prompt: string; readonly completion: string },
  completionOnly: boolean,
  onDifference: (difference: PromptDifference) => void,
): TokenizedRow {
  const alone = tokenizer.encode(prompt)
  const inputIds = Int32Array.from(tokenizer.encode(`${prompt}${withEnd(completion, eos)}`))
  const masked = commonPrefix(alone, inputIds)
  if (masked < alone.length) onDifference({ prompt, from: masked })
  const labels = inputIds.slice()
  return { inputIds, labels: completionOnly ? labels.fill(ignoredLabel, 0, masked) : labels }
}

/** Leading tokens that two lists share. */
export function commonPrefix(alone: ArrayLike<number>, whole: ArrayLike<number>): number {
  let length = 0
  while (length < alone.length && alone[length] === whole[length]) length++
  return length
}

/** The text, with EOS behind it unless it ends in it. */
export function withEnd(text: string, { token }: EndOfText): string {
  return text.endsWith(token) ? text : `${text}${token}`
}

/**
 * The example that tokens make; `null` where none of them is predicted.
 * @param seqLengths Of the documents in it, whose first tokens nothing predicts.
 */
export function exampleOf(
  tokenizer: ExampleTokenizer,
  eosId: number | null,
  { inputIds, labels }: TokenizedRow,
  seqLengths?: readonly number[] | null,
): Example | null {
  const packed = seqLengths ?? null
  let at = 0
  for (const length of packed ?? []) {
    labels[at] = ignoredLabel
    at += length
  }
  const example = { inputIds, labels, ...(packed && { seqLengths: packed }) }
  if (labelCount(example) === 0) return null
  return { ...example, bytes: learnedBytes(tokenizer, eosId, labels) }
}

/** UTF-8 bytes of what is predicted, EOS left out: nothing precedes the first token, so it never is. */
function learnedBytes(tokenizer: ExampleTokenizer, eosId: number | null, labels: Int32Array): number {
  let bytes = 0
  let run: number[] = []
  for (let i = 1; i <= labels.length; i++) {
    const label = labels[i] ?? ignoredLabel
    if (label >= 0) run.push(label)
    else if (run.length > 0) {
      const text = run.filter((id) => id !== eosId)
      if (text.length > 0) bytes += new TextEncoder().encode(tokenizer.decode(text)).length
      run = []
    }
  }
  return bytes
}
