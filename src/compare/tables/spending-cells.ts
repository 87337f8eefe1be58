import type { Spending } from '../asking/spending.ts'

export const spendingHeads = ['tokens in', 'out', 'cost', 's (median)', 's (all)'] as const

/** What answers took. A `?` stands where some did not say how many tokens. */
export function spendingCells({
  promptTokens,
  completionTokens,
  uncounted,
  cost,
  seconds,
  medianSeconds,
}: Spending): readonly string[] {
  const unsure = uncounted === 0 ? '' : ` (${uncounted} ?)`
  return [
    ...[`${promptTokens}${unsure}`, String(completionTokens), cost === null ? '' : cost.toFixed(4)],
    ...[medianSeconds.toFixed(2), seconds.toFixed(1)],
  ]
}
