import { check } from '../core/errors.ts'
import { callback, flag, type OptionRules, orNull, readArgument, readOptions } from '../core/options.ts'
import type { Rows } from '../data/dataset.ts'
import { batchExamples } from '../data/batch-examples.ts'
import { prepareExamples, streamExamples } from '../data/prepare-examples.ts'
import { prepareAliases, type PrepareOptions, prepareRules } from '../data/prepare-options.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import type { Example } from '../models/example.ts'
import type { LabelledBatch } from '../train/labelled-batch.ts'
import { inOurNames } from '../train/arguments/transformers-names.ts'
import { optionDefaults, type TrainingWarningCode, trainingRules } from '../train/training-options.ts'
import { beginAdapter, waitsForExamples } from './begin-adapter.ts'
import {
  dataRule,
  type DatasetOptions,
  datasetRules,
  haveAll,
  preparingOf,
  toEnd,
  tokenizerFor,
  trainerOptionsOf,
} from './dataset-options.ts'
import { Trainer, type TrainResult } from './trainer.ts'
import { ownRules, type OwnTrainerOptions, trainerAliases, type TrainerOptions } from './trainer-options.ts'

/** What `train` takes to train or to measure on: rows, or examples that were made of them. */
export type TrainDataset = Rows | readonly Example[]

/** What is told of how rows become examples, beside the training. */
type PreparingOptions = Omit<PrepareOptions, 'signal' | 'onWarning' | 'onProgress'>

interface StreamingOptions {
  /**
   * Make examples of rows while the training goes on, in the order of the rows: for more than memory holds. It needs
   * `maxSteps`. Default false.
   */
  readonly streaming?: boolean
}

/** All that `train` is told: TRL's SFTConfig, and what SFTTrainer is given beside it. */
export type TrainDatasetOptions = Omit<TrainerOptions, 'evalDataset' | 'onWarning'> &
  PreparingOptions &
  DatasetOptions &
  StreamingOptions & {
    /** Held-out rows or examples to measure on. Default null. */
    readonly evalDataset?: TrainDataset | null
    /** Told of what is odd about the training or, with the code 'data', about rows. Default: nobody. */
    readonly onWarning?: (message: string, code: TrainingWarningCode | 'run-folder' | 'data') => void
  }

const dataset = dataRule<TrainDataset>('rows or examples')
const { signal: _, onWarning: __, onProgress: ___, ...preparingRules } = prepareRules
const rules: OptionRules<TrainDatasetOptions> = {
  ...trainingRules,
  ...ownRules,
  ...preparingRules,
  ...datasetRules,
  streaming: flag,
  dataCollator: callback(),
  evalDataset: orNull(dataset),
  onWarning: callback(),
}

/**
 * Fine-tunes a model on rows of text to the end, as TRL's SFTTrainer does: attaches the adapter, makes examples of the
 * rows, trains, measures, and saves what is asked for. Where rows have no `tokenizer`, they are examples.
 * @param data Rows of columns such as `prompt` and `completion`, as `prepareExamples` takes them, or examples.
 * @throws MedAwareError as `attachAdapter`, `startLora`, `prepareExamples`, `Trainer` and `Trainer.train`.
 */
export async function train(
  model: CausalLm,
  data: TrainDataset,
  options: TrainDatasetOptions = {},
): Promise<TrainResult> {
  const read = readOptions('train', options, rules, { ...trainerAliases, ...prepareAliases })
  const { tokenizer = null, peftConfig = null, initSeed = null, streaming = false, ...others } = read
  const { onPrepare, evalDataset = null, ...rest } = others
  readArgument('train', 'the data', data, dataset)
  const begin = async (examples: readonly Example[]) => {
    if (peftConfig !== null) await beginAdapter('train', model, peftConfig, examples, { ...rest, initSeed })
  }
  const isWaiting = waitsForExamples(peftConfig)
  check(!isWaiting || !streaming, 'config', () => {
    return `train: a start from examples goes over them before, and streaming makes them only once; await startLora first, and leave peftConfig out`
  })
  if (!isWaiting) await begin([])
  const preparing: PrepareOptions = preparingOf(rest, onPrepare, preparingRules)
  const examplesOf = async (rows: TrainDataset): Promise<readonly Example[]> => {
    if (areExamples(rows)) return rows
    return (await prepareExamples(tokenizerFor('train', tokenizer), rows, preparing)).examples
  }
  const held: OwnTrainerOptions = evalDataset === null ? {} : { evalDataset: await examplesOf(evalDataset) }
  const told: TrainerOptions = { ...trainerOptionsOf<TrainerOptions>(rest), ...held }
  if (!streaming || areExamples(data)) {
    const examples = await examplesOf(data)
    if (isWaiting) await begin(examples)
    return toEnd(new Trainer(model, examples, told))
  }
  const { batchSize = optionDefaults.batchSize, ...ours } = inOurNames('train', told)
  const stream = streamExamples(tokenizerFor('train', tokenizer), data, preparing)
  return toEnd(new Trainer<LabelledBatch>(model, batchExamples(stream, { batchSize }), ours))
}

/** Whether data needs no tokenizer, as TRL tells it: by the ids that it has. */
function areExamples(data: TrainDataset): data is readonly Example[] {
  return haveAll(data, (item) => 'inputIds' in item)
}
