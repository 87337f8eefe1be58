import { check } from '../../core/errors.ts'
import { collate, type Example, ignoredLabel } from '../../models/example.ts'
import type { LabelledBatch } from '../../train/labelled-batch.ts'

/** Tokens of a prompt and of its two completions, of which the chosen one is the better. */
export interface PairTokens {
  readonly promptIds: Int32Array
  readonly chosenIds: Int32Array
  readonly rejectedIds: Int32Array
}

/**
 * A pair as an example of two documents, prompt and chosen completion, then prompt and rejected completion: so that a run
 * shuffles, counts and knows it again like any other.
 */
export function pairExample({ promptIds, chosenIds, rejectedIds }: PairTokens): Example {
  const sides = [chosenIds, rejectedIds]
  return {
    inputIds: joined(sides.flatMap((completion) => [promptIds, completion])),
    labels: joined(sides.flatMap((completion) => [promptIds.map(() => ignoredLabel), completion])),
    seqLengths: sides.map((completion) => promptIds.length + completion.length),
  }
}

/**
 * The batch that `dpoLoss` takes: all chosen rows, then the rejected ones, padded on the right.
 * @throws MedAwareError `config` for an example that is no pair.
 */
export function collatePairs(examples: readonly Example[]): LabelledBatch {
  const { batch, labels } = collate([0, 1].flatMap((side) => examples.map((example) => documentOf(example, side))))
  return { ...batch, labels }
}

function documentOf({ inputIds, labels, seqLengths = [] }: Example, side: number): Example {
  const [first = 0] = seqLengths
  check(seqLengths.length === 2, 'config', () => {
    return `collatePairs: an example must be a pair, two documents, got ${Math.max(1, seqLengths.length)}`
  })
  const [begin, end] = side === 0 ? [0, first] : [first, inputIds.length]
  return { inputIds: inputIds.subarray(begin, end), labels: labels.subarray(begin, end) }
}

function joined(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
