import type { CausalLm, TokenBatch } from '../causal-lm.ts'

/** What is in caches before a batch. */
export interface Behind {
  /** Tokens of the text that each row began with, without the padding before it. */
  readonly lengths: readonly number[]
  /** Tokens that are in the caches, padding included. Default 0. */
  readonly past?: number
}

/**
 * Texts side by side, shorter ones padded on the left, which changes nothing they say: the last place of each row is
 * its last token. Or the tokens behind such texts, as many in each row.
 * @param rows The texts, or the tokens behind them.
 */
export function leftPadded(
  { virtualTokens = 0 }: Pick<CausalLm, 'virtualTokens'>,
  rows: readonly (readonly number[])[],
  { lengths, past = 0 }: Behind,
): TokenBatch {
  const longest = Math.max(0, ...lengths)
  const width = past === 0 ? longest : (rows[0]?.length ?? 0)
  const keys = past + width
  const inputIds = new Int32Array(rows.length * width)
  for (const [row, ids] of rows.entries()) inputIds.set(ids, (row + 1) * width - ids.length)
  const batch = { inputIds, shape: [rows.length, width] as const }
  if (lengths.every((length) => length === longest)) return batch
  const attentionMask = new Uint8Array(rows.length * keys).fill(1)
  const padding = lengths.map((length) => longest - length)
  for (const [row, count] of padding.entries()) attentionMask.fill(0, row * keys, row * keys + count)
  // Behind virtual tokens it matters how far a text is from them, so padding is not counted.
  const positionIds = Int32Array.from(inputIds, (_, i) => {
    return Math.max(0, past + (i % width) - (padding[Math.floor(i / width)] ?? 0))
  })
  return { ...batch, attentionMask, ...(virtualTokens > 0 && { positionIds }) }
}
