import type { Checkpoint } from '../../formats/format.ts'
import type { WeightSpec } from '../../models/causal-lm.ts'
import type { StorageReport } from './load-weights.ts'
import { quantizationFor, type WeightStorage } from './weight-storage.ts'

/** Weights that a file has in blocks of few bits, and that are to be quantised again. */
export function quantisedTwice(
  checkpoint: Checkpoint,
  specs: readonly WeightSpec[],
  storage: WeightStorage,
): readonly WeightSpec[] {
  return specs.filter((spec) => {
    return checkpoint.info(spec.name).storedAs !== undefined && quantizationFor(spec, storage) !== null
  })
}

/** What that loses, as it was measured. */
export function describeSecondLoss(
  checkpoint: Checkpoint,
  twice: readonly WeightSpec[],
  { error }: StorageReport,
): string {
  const types = [...new Set(twice.map(({ name }) => checkpoint.info(name).storedAs))].join(', ')
  const moved =
    error === null ? '' : `, which moved them by ${(100 * error.relative).toFixed(2)}% of their mean magnitude`
  return (
    `${twice.length} projections that the file has in ${types} were quantised a second time${moved}, ` +
    'beside what the file had lost already; leave quantize out to keep its numbers'
  )
}
