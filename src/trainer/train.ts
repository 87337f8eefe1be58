import { check } from '../core/errors.ts'
import { callback, flag, type OptionRules, orNull, readArgument, readOptions, that } from '../core/options.ts'
import type { Rows } from '../data/dataset.ts'
import { batchExamples } from '../data/batch-examples.ts'
import type { ExampleTokenizer } from '../data/example-tokenizer.ts'
import { prepareExamples, streamExamples } from '../data/prepare-examples.ts'
import { prepareAliases, type PrepareOptions, type PrepareProgress, prepareRules } from '../data/prepare-options.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import type { Example } from '../models/example.ts'
import { adaptableRule } from '../peft/adaptable.ts'
import { adapterSetOf } from '../peft/adapter.ts'
import { attachAdapter } from '../peft/attach.ts'
import type { LabelledBatch } from '../train/labelled-batch.ts'
import { inOurNames } from '../train/arguments/transformers-names.ts'
import { optionDefaults, type TrainingWarningCode, trainingRules } from '../train/training-options.ts'
import { Trainer, type TrainResult } from './trainer.ts'
import { ownRules, type OwnTrainerOptions, trainerAliases, type TrainerOptions } from './trainer-options.ts'

/** What `train` takes to train or to measure on: rows, or examples that were made of them. */
export type TrainDataset = Rows | readonly Example[]

/** What is told of how rows become examples, beside the training. */
type PreparingOptions = Omit<PrepareOptions, 'signal' | 'onWarning' | 'onProgress'>

interface DatasetOptions {
  /** Makes tokens of rows. Default null, where examples are given. */
  readonly tokenizer?: ExampleTokenizer | null
  /** The adapter to attach before, as `attachAdapter` takes it. Default null: the model has one, or is trained whole. */
  readonly peftConfig?: { readonly peftType: string; readonly [field: string]: unknown } | null
  /**
   * Make examples of rows while the training goes on, in the order of the rows: for more than memory holds. It needs
   * `maxSteps`. Default false.
   */
  readonly streaming?: boolean
  /** Called as rows are made examples of. */
  readonly onPrepare?: (progress: PrepareProgress) => void
}

/** All that `train` is told: TRL's SFTConfig, and what SFTTrainer is given beside it. */
export type TrainDatasetOptions = Omit<TrainerOptions, 'evalDataset' | 'onWarning'> &
  PreparingOptions &
  DatasetOptions & {
    /** Held-out rows or examples to measure on. Default null. */
    readonly evalDataset?: TrainDataset | null
    /** Told of what is odd about the training or, with the code 'data', about rows. Default: nobody. */
    readonly onWarning?: (message: string, code: TrainingWarningCode | 'run-folder' | 'data') => void
  }

const dataset = that('rows or examples', (value): value is TrainDataset => {
  return typeof value === 'function' || (typeof value === 'object' && value !== null)
})
const orNone = <T>(expects: string) => that<T | null>(expects, (value): value is T | null => typeof value === 'object')

const datasetRules: OptionRules<DatasetOptions> = {
  tokenizer: orNone('a tokenizer or null'),
  peftConfig: orNone('an adapter’s config or null'),
  streaming: flag,
  onPrepare: callback(),
}
const { signal: _, onWarning: __, onProgress: ___, ...preparingRules } = prepareRules
const rules: OptionRules<TrainDatasetOptions> = {
  ...trainingRules,
  ...ownRules,
  ...preparingRules,
  ...datasetRules,
  evalDataset: orNull(dataset),
  onWarning: callback(),
}

/**
 * Fine-tunes a model on rows of text to the end, as TRL's SFTTrainer does: attaches the adapter, makes examples of the
 * rows, trains, measures, and saves what is asked for. Where rows have no `tokenizer`, they are examples.
 * @param data Rows of columns such as `prompt` and `completion`, as `prepareExamples` takes them, or examples.
 * @throws MedAwareError as `attachAdapter`, `prepareExamples`, `Trainer` and `Trainer.train`.
 */
export async function train(
  model: CausalLm,
  data: TrainDataset,
  options: TrainDatasetOptions = {},
): Promise<TrainResult> {
  const read = readOptions('train', options, rules, { ...trainerAliases, ...prepareAliases })
  const { tokenizer = null, peftConfig = null, streaming = false, onPrepare, evalDataset = null, ...rest } = read
  readArgument('train', 'the data', data, dataset)
  if (peftConfig !== null) attach(model, peftConfig, rest.seed)
  const preparing: PrepareOptions = {
    ...pick<PreparingOptions>(rest, Object.keys(preparingRules)),
    ...(onPrepare && { onProgress: onPrepare }),
    ...(rest.signal && { signal: rest.signal }),
    ...(rest.onWarning && { onWarning: (message) => rest.onWarning?.(message, 'data') }),
  }
  const examplesOf = async (rows: TrainDataset): Promise<readonly Example[]> => {
    if (areExamples(rows)) return rows
    return (await prepareExamples(tokenizerFor(tokenizer), rows, preparing)).examples
  }
  const held: OwnTrainerOptions = evalDataset === null ? {} : { evalDataset: await examplesOf(evalDataset) }
  const told: TrainerOptions = {
    ...pick<TrainerOptions>(rest, [...Object.keys(trainingRules), ...Object.keys(ownRules)]),
    ...held,
  }
  if (!streaming || areExamples(data)) return toEnd(new Trainer(model, await examplesOf(data), told))
  const { batchSize = optionDefaults.batchSize, ...others } = inOurNames('train', told)
  const stream = streamExamples(tokenizerFor(tokenizer), data, preparing)
  return toEnd(new Trainer<LabelledBatch>(model, batchExamples(stream, { batchSize }), others))
}

async function toEnd(trainer: Trainer): Promise<TrainResult> {
  try {
    return await trainer.train()
  } finally {
    trainer.dispose()
  }
}

function attach(model: CausalLm, config: NonNullable<DatasetOptions['peftConfig']>, seed: number | undefined): void {
  const adaptable = readArgument('train', 'model', model, adaptableRule)
  check(adapterSetOf(model) === null || adapterSetOf(model)?.members.size === 0, 'config', () => {
    return 'train: the model has an adapter already, which peftConfig would stand beside; leave peftConfig out, or detach that one'
  })
  attachAdapter(adaptable, config, seed === undefined ? {} : { seed })
}

function tokenizerFor(tokenizer: ExampleTokenizer | null): ExampleTokenizer {
  check(tokenizer !== null, 'config', () => 'train: rows need a tokenizer; give { tokenizer }, as loadModel gives it')
  return tokenizer
}

/** Whether data needs no tokenizer, as TRL tells it: by the ids that it has. */
function areExamples(data: TrainDataset): data is readonly Example[] {
  const list: readonly unknown[] = Array.isArray(data) ? data : []
  const [first] = list
  return typeof first === 'object' && first !== null && 'inputIds' in first
}

/** What of some options is another function's. */
function pick<T extends object>(options: T, names: readonly string[]): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name))) as Partial<T>
}
