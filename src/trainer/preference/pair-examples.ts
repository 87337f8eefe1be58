import { check } from '../../core/errors.ts'
import { collatePreferences, type PreferenceExample } from '../../data/preference/preference-example.ts'
import type { Example } from '../../models/example.ts'
import type { LabelledBatch } from '../../train/labelled-batch.ts'

/**
 * A pair as one example of two documents, chosen and rejected: so a run shuffles it, counts it, and knows it again
 * after a restart, like any other.
 */
export function pairExample({ chosen, rejected }: PreferenceExample): Example {
  return {
    inputIds: joined(chosen.inputIds, rejected.inputIds),
    labels: joined(chosen.labels, rejected.labels),
    seqLengths: [chosen.inputIds.length, rejected.inputIds.length],
  }
}

/**
 * The batch that `dpoLoss` takes of such examples: all chosen rows, then the rejected ones.
 * @throws MedAwareError `config` for an example that is no pair.
 */
export function collatePairs(examples: readonly Example[]): LabelledBatch {
  return collatePreferences(examples.map(pairOf))
}

function pairOf({ inputIds, labels, seqLengths = [] }: Example): PreferenceExample {
  const [first = 0] = seqLengths
  check(seqLengths.length === 2, 'config', () => {
    return `collatePairs: an example must be a pair, two documents, and it has ${Math.max(1, seqLengths.length)}`
  })
  const rowOf = (begin: number, end?: number): Example => {
    return { inputIds: inputIds.subarray(begin, end), labels: labels.subarray(begin, end) }
  }
  return { chosen: rowOf(0, first), rejected: rowOf(first) }
}

function joined(a: Int32Array, b: Int32Array): Int32Array {
  const all = new Int32Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return all
}
