import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import { collate, type Example, readExamples } from '../../models/example.ts'
import type { TokenBatch } from '../../models/causal-lm.ts'

/** Two answers to one prompt, of which the first is preferred; labels are on the answers alone. */
export interface PreferenceExample {
  readonly chosen: Example
  readonly rejected: Example
}

/**
 * Pairs side by side as DPO takes them (TRL 1.16, DataCollatorForPreference): all chosen rows and then, in the same
 * order, the rejected ones, padded on the right to the longest of all.
 * @throws MedAwareError as `readExamples`; `config` for what are no pairs, and for none.
 */
export function collatePreferences(
  examples: readonly PreferenceExample[],
): TokenBatch & { readonly labels: Int32Array } {
  const who = 'collatePreferences'
  const pairs = readPairs(who, examples)
  const chosen = pairs.map((pair) => pair.chosen)
  const rejected = pairs.map((pair) => pair.rejected)
  const { batch, labels } = collate([
    ...readExamples(`${who}: chosen`, chosen),
    ...readExamples(`${who}: rejected`, rejected),
  ])
  return { ...batch, labels }
}

function readPairs(who: string, given: unknown): readonly PreferenceExample[] {
  const wanted = '{ chosen, rejected }, as preparePreferences gives'
  check(Array.isArray(given), 'config', () => `${who}: examples must be a list of ${wanted}, got ${show(given)}`)
  check(given.length > 0, 'config', () => `${who}: there is no pair`)
  return Array.from(given, (pair: unknown, i) => {
    check(isPair(pair), 'config', () => `${who}: pair ${i} must be ${wanted}, got ${show(pair)}`)
    return pair
  })
}

/** Whether a value is a pair of rows of tokens. */
export function isPair(value: unknown): value is PreferenceExample {
  if (typeof value !== 'object' || value === null || !('chosen' in value) || !('rejected' in value)) return false
  return [value.chosen, value.rejected].every((row) => typeof row === 'object' && row !== null && 'inputIds' in row)
}
