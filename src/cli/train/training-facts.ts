import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { countParameters } from '../../peft/parameter-counts.ts'
import { adapterOf } from '../../trainer/trainer.ts'
import type { TrainerContext } from '../../trainer/trainer-callback.ts'

/** What stays the same while a training goes on, in words. */
export interface TrainingFacts {
  readonly model: string
  readonly method: string
  readonly data: string
  /** The step that it begins at, above 0 where it goes on with an earlier run. */
  readonly firstStep: number
  readonly steps: number
  /** Passes over the rows that a step is; null where nobody knows how many rows there are. */
  readonly epochsPerStep: number | null
  /** Whether a checkpoint can be saved, and whether there is something to measure on. */
  readonly canSave: boolean
  readonly canMeasure: boolean
  /** Whether what is measured decides when the run ends, or the learning rate. */
  readonly heedsMeasurements: boolean
}

/** The facts of a training that begins. */
export function trainingFacts({ model, description, options, step, steps, store }: TrainerContext): TrainingFacts {
  const [data, settings] = [tableIn(description, 'data'), tableIn(description, 'options')]
  const [examples, evalExamples] = [numberIn(data, 'examples'), numberIn(data, 'evalExamples')]
  const { batchSize, gradientAccumulationSteps: times } = options
  const rows = examples > 0 ? `${count(examples)} rows` : 'batches'
  const heldOut = evalExamples > 0 ? `, ${count(evalExamples)} held out` : ''
  const { trainable, all, share } = countParameters(model)
  const adapter = adapterOf(model)
  const method =
    adapter === null ? 'the whole model' : `${adapter.method.name} ${adapter.method.describe(adapter.config)}`
  return {
    model: `${nameIn(description)}: ${inShort(all)} parameters`,
    method: `${method}; ${count(trainable)} trainable, ${(100 * share).toFixed(2)} %`,
    data: `${rows}${heldOut}; ${count(steps)} steps of ${batchSize}${times > 1 ? ` × ${times}` : ''}`,
    ...{ firstStep: step, steps },
    epochsPerStep: examples > 0 ? (batchSize * times) / examples : null,
    canSave: store !== null && settings['saveStrategy'] !== 'no',
    canMeasure: evalExamples > 0,
    heedsMeasurements: settings['earlyStoppingPatience'] !== null || isPlateau(options.schedule),
  }
}

function isPlateau(schedule: TrainerContext['options']['schedule']): boolean {
  return (typeof schedule === 'object' ? schedule.type : schedule) === 'reduce_lr_on_plateau'
}

function nameIn(description: JsonObject): string {
  const name = tableIn(description, 'model')['nameOrPath']
  return typeof name === 'string' ? name : 'a model'
}

function tableIn(description: JsonObject, name: string): JsonObject {
  const value = description[name]
  return isJsonObject(value) ? value : {}
}

function numberIn(table: JsonObject, name: string): number {
  const value = table[name]
  return typeof value === 'number' ? value : 0
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** 12.3M of 12,345,678. */
function inShort(value: number): string {
  return new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 }).format(value)
}
