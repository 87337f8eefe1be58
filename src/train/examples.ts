import { check } from '../core/errors.ts'
import type { TokenBatch } from '../models/causal-lm.ts'

/** Tokens to learn from. */
export interface Example {
  readonly inputIds: Int32Array
  /** One a token: the token itself where it is to be predicted, -100 where not (a prompt). */
  readonly labels: Int32Array
  /** UTF-8 bytes of the text that the labels stand for, for bits per byte. */
  readonly bytes?: number
}

/** What turns text into tokens. */
export interface ExampleTokenizer {
  encode(text: string): readonly number[]
  decode(ids: readonly number[]): string
  readonly eosTokenId: number | null
}

/** Text to learn from: only the completion is. */
export interface PromptCompletion {
  readonly prompt: string
  readonly completion: string
}

const IGNORED = -100

/**
 * Tokenizes prompt and completion as TRL's SFTTrainer does (sft_trainer.py): the prompt's labels are masked, EOS ends the
 * completion, what is beyond `maxLength` tokens is cut off, and an example left without any label is `null`.
 * @throws MedAwareError `config` when the tokenizer has no EOS, since a model would never learn to stop.
 */
export function promptCompletionExample(
  tokenizer: ExampleTokenizer,
  text: PromptCompletion,
  maxLength = 1024,
): Example | null {
  const eos = tokenizer.eosTokenId
  check(
    eos !== null,
    'config',
    () => 'promptCompletionExample: the tokenizer has no EOS token; name one in tokenizer_config.json',
  )
  const prompt = tokenizer.encode(text.prompt)
  const completion = [...tokenizer.encode(text.completion), eos]
  const inputIds = Int32Array.from([...prompt, ...completion]).slice(0, maxLength)
  if (inputIds.length <= prompt.length || inputIds.length < 2) return null
  const labels = inputIds.map((id, i) => (i < prompt.length ? IGNORED : id))
  // Nothing precedes the first token, so it is not predicted even where there is no prompt.
  const learned = [...inputIds.subarray(Math.max(1, prompt.length))].filter((id) => id !== eos)
  return { inputIds, labels, bytes: new TextEncoder().encode(tokenizer.decode(learned)).length }
}

/** Number of tokens of an example that are predicted: labels but the first, which nothing precedes. */
export function labelCount(example: Example): number {
  return example.labels.reduce((count, label, i) => count + +(i > 0 && label >= 0), 0)
}

/** Examples side by side, padded on the right to the longest; a causal model needs no mask for that. */
export function collate(examples: readonly Example[]): { batch: TokenBatch; labels: Int32Array } {
  const tokens = Math.max(...examples.map(({ inputIds }) => inputIds.length))
  const inputIds = new Int32Array(examples.length * tokens)
  const labels = new Int32Array(examples.length * tokens).fill(IGNORED)
  examples.forEach((example, row) => {
    inputIds.set(example.inputIds, row * tokens)
    labels.set(example.labels, row * tokens)
  })
  return { batch: { inputIds, shape: [examples.length, tokens] }, labels }
}
