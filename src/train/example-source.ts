import { check } from '../core/errors.ts'
import { collate, type Example, labelCount, type Predictor } from '../models/example.ts'
import type { BatchSource, StepBatches } from './batch-source.ts'
import type { LabelledBatch } from './labelled-batch.ts'
import { ExampleOrder } from './order.ts'
import type { ResolvedOptions, RunHooks } from './training-options.ts'

/** Batches of examples that are all there: shuffled anew for each epoch, padded on the right. */
export class ExampleSource implements BatchSource {
  readonly stepsPerEpoch: number
  readonly #examples: readonly Example[]
  readonly #model: Predictor
  readonly #order: ExampleOrder
  readonly #collator: (examples: readonly Example[]) => unknown

  /**
   * @param collator Makes a batch of some. Default: padded on the right.
   * @throws MedAwareError `config` for none, or one without any label, which would only dilute the rest.
   */
  constructor(
    examples: readonly Example[],
    options: ResolvedOptions,
    model: Predictor,
    collator: RunHooks['dataCollator'] = labelled,
  ) {
    this.#collator = collator
    check(examples.length > 0, 'config', () => 'TrainingRun: there is no example to train on')
    this.#examples = examples
    this.#order = new ExampleOrder(examples, options)
    this.#model = model
    const empty = examples.findIndex((example) => labelCount(example, model) === 0)
    check(empty < 0, 'config', () => {
      return `TrainingRun: example ${empty} has no label to learn from; drop examples whose prompt fills the whole length`
    })
    this.stepsPerEpoch = this.#order.stepsPerEpoch
  }

  async take(index: number): Promise<StepBatches> {
    const micro = this.#order.rowsOf(index)
    const rows = micro.flat()
    const sum = (counts: (row: number) => number | undefined) => rows.reduce((all, row) => all + (counts(row) ?? 0), 0)
    return {
      epoch: Math.floor(index / this.stepsPerEpoch),
      batches: micro.map((each) => this.#collator(each.flatMap((row) => this.#examples[row] ?? []))),
      tokens: sum((row) => this.#examples[row]?.inputIds.length),
      labelTokens: sum((row) => this.#labelsOf(row)),
    }
  }

  positionAt(): null {
    return null
  }

  seek(): void {
    // A step's examples hang on its index alone.
  }

  close(): void {
    // Examples are the caller's.
  }

  /** Counted with each step, for a prompt may be put on the model or taken off it meanwhile. */
  #labelsOf(row: number): number {
    const example = this.#examples[row]
    return example === undefined ? 0 : labelCount(example, this.#model)
  }
}

function labelled(examples: readonly Example[]): LabelledBatch {
  const { batch, labels } = collate(examples)
  return { ...batch, labels }
}
