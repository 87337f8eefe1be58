import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import { collate, type Example } from '../../models/example.ts'
import type { TokenBatch } from '../../models/causal-lm.ts'

/** Two answers to one prompt, of which the first is preferred; labels are on the answers alone. */
export interface PreferenceExample {
  readonly chosen: Example
  readonly rejected: Example
}

/**
 * Pairs side by side as DPO takes them (TRL 1.16, DataCollatorForPreference): all chosen rows and then, in the same
 * order, the rejected ones, padded on the right to the longest of all.
 * @throws MedAwareError as `collate`; `config` for what are no pairs.
 */
export function collatePreferences(
  examples: readonly PreferenceExample[],
): TokenBatch & { readonly labels: Int32Array } {
  for (const pair of examples) {
    check(isPair(pair), 'config', () => {
      return `collatePreferences: a pair must be { chosen, rejected }, as preparePreferences gives, got ${show(pair)}`
    })
  }
  const { batch, labels } = collate([...examples.map(({ chosen }) => chosen), ...examples.map((pair) => pair.rejected)])
  return { ...batch, labels }
}

/** Whether a value is a pair of rows of tokens. */
export function isPair(value: unknown): value is PreferenceExample {
  if (typeof value !== 'object' || value === null || !('chosen' in value) || !('rejected' in value)) return false
  return [value.chosen, value.rejected].every((row) => typeof row === 'object' && row !== null && 'inputIds' in row)
}
