import type { TokenBatch } from './causal-lm.ts'

/** Tokens to learn from or to be measured on. */
export interface Example {
  readonly inputIds: Int32Array
  /** One a token: the token itself where it is to be predicted, -100 where not (a prompt). */
  readonly labels: Int32Array
  /** UTF-8 bytes of the text that the labels stand for, for bits per byte. */
  readonly bytes?: number
}

/** The label of a token that is not to be predicted. */
export const ignoredLabel = -100

/** Number of tokens of an example that are predicted: labels but the first, which nothing precedes. */
export function labelCount({ labels }: Example): number {
  return labels.reduce((count, label, i) => count + +(i > 0 && label >= 0), 0)
}

/** Examples side by side, padded on the right to the longest; a causal model needs no mask for that. */
export function collate(examples: readonly Example[]): { batch: TokenBatch; labels: Int32Array } {
  const tokens = Math.max(...examples.map(({ inputIds }) => inputIds.length))
  const inputIds = new Int32Array(examples.length * tokens)
  const labels = new Int32Array(examples.length * tokens).fill(ignoredLabel)
  examples.forEach((example, row) => {
    inputIds.set(example.inputIds, row * tokens)
    labels.set(example.labels, row * tokens)
  })
  return { batch: { inputIds, shape: [examples.length, tokens] }, labels }
}
