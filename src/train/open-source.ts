import { check } from '../core/errors.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import { type Example, readExamples } from '../models/example.ts'
import { type Batches, isIterable } from './batch-pass.ts'
import type { BatchSource } from './batch-source.ts'
import { ExampleSource } from './example-source.ts'
import { IterableSource } from './iterable-source.ts'
import { checkBatchOptions, type ResolvedOptions, type RunHooks } from './training-options.ts'

/** Where a run's batches come from, and the examples that they are made of, if they are. */
interface OpenedSource {
  readonly source: BatchSource
  readonly examples: readonly Example[]
}

/**
 * Takes what a run is given to train on: a list is examples, what else can be gone through is batches.
 * @param dataCollator Makes batches of examples. Default: `LabelledBatch`es.
 * @param model Ids of examples are below its vocabSize; those of batches are for it to check.
 * @throws MedAwareError as `readExamples`, `ExampleSource` and `checkBatchOptions`; `config` for a list of batches.
 */
export function openSource(
  data: unknown,
  options: ResolvedOptions,
  model: CausalLm,
  dataCollator?: RunHooks['dataCollator'],
): OpenedSource {
  if (isBatches(data)) {
    check(dataCollator === undefined, 'config', () => {
      return 'TrainingRun: dataCollator makes batches of examples, and batches are given; leave it out'
    })
    checkBatchOptions(options)
    return { source: new IterableSource(data, options.gradientAccumulationSteps, model), examples: [] }
  }
  const batch = Array.isArray(data) ? data.findIndex(isBatch) : -1
  check(batch < 0, 'config', () => {
    return `TrainingRun: item ${batch} is a batch, and a list is taken for examples; give a function that gives the batches, () => batches`
  })
  const examples = Object.freeze(readExamples('TrainingRun', data, model.vocabSize))
  return { source: new ExampleSource(examples, options, model, dataCollator), examples }
}

function isBatches(data: unknown): data is Batches<unknown> {
  return typeof data === 'function' || (isIterable(data) && !Array.isArray(data))
}

function isBatch(item: unknown): boolean {
  return typeof item === 'object' && item !== null && 'shape' in item
}
