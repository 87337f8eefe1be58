import { check } from '../core/errors.ts'
import {
  callback,
  either,
  flag,
  listOf,
  number,
  oneOf,
  type OptionRules,
  orNull,
  readOptions,
  type Rule,
  table,
  text,
  that,
  whole,
  withMethods,
} from '../core/options.ts'
import type { RunPlace } from '../io/runs/run-store.ts'
import type { Example } from '../models/example.ts'
import { type CardContent, cardRules } from '../peft/card/card-content.ts'
import type { LabelledBatch } from '../train/labelled-batch.ts'
import {
  trainingAliases,
  type TrainingOptions,
  type TrainingWarningCode,
  trainingRules,
} from '../train/training-options.ts'
import { type SamplesOptions, samplesRule } from './report/samples.ts'
import type { TrainerCallback } from './trainer-callback.ts'
import { type ReportName, reportNames } from './watchers.ts'

/** When something is done again and again: never, every so many steps, or after each pass over the data. */
export type IntervalStrategy = 'no' | 'steps' | 'epoch'

/** What a `Trainer` is told beside what a run is: transformers' TrainingArguments, with their defaults. */
export interface OwnTrainerOptions {
  /**
   * Where checkpoints, logs and the adapter go: a directory's path (Node), or a directory's handle (a page). Default
   * null: nothing is written.
   */
  readonly outputDir?: RunPlace | null
  /** Held-out examples to measure on. Default null. */
  readonly evalDataset?: readonly Example[] | null
  /** When to measure. Default: 'steps' where `evalSteps` are given, else 'epoch' where there is an `evalDataset`. */
  readonly evalStrategy?: IntervalStrategy
  /** Steps between two measurements, or a share of all steps if below 1. Default 500. */
  readonly evalSteps?: number
  /** Measure before the first step too. Default false. */
  readonly evalOnStart?: boolean
  /** Examples of a forward pass while measuring. Default 8. */
  readonly evalBatchSize?: number
  /** When to save a checkpoint. Default 'steps' where there is an `outputDir`. The last step is always saved. */
  readonly saveStrategy?: IntervalStrategy
  /** Steps between two checkpoints, or a share of all steps if below 1. Default 500. */
  readonly saveSteps?: number
  /** Checkpoints to keep; older ones are removed, but for the best one. Default null: all. */
  readonly saveTotalLimit?: number | null
  /** Put the weights of the best evaluation back at the end. Default false; early stopping does it always. */
  readonly loadBestModelAtEnd?: boolean
  /** Which number of an evaluation says what is best. Default 'evalLoss'. */
  readonly metricForBestModel?: string
  /**
   * Whether more of it is better. Default: of a name that ends in 'Loss' or in 'Perplexity' or 'Byte' not, else yes.
   */
  readonly greaterIsBetter?: boolean
  /** Evaluations in a row without a better one after which to stop. Default null: never. */
  readonly earlyStoppingPatience?: number | null
  /** By how much an evaluation must be better to count as such. Default 0. */
  readonly earlyStoppingThreshold?: number
  /**
   * Go on from the newest whole checkpoint in `outputDir`, if there is one, or from that of this step. Default false,
   * which refuses to begin over a run that is there.
   */
  readonly resumeFromCheckpoint?: boolean | number
  /** As `RestoreOptions.acceptDifferences`. Default none. */
  readonly acceptDifferences?: readonly string[]
  /**
   * What to keep in `outputDir` of every step and evaluation: 'jsonl' (log.jsonl), 'csv' (log.csv), 'tensorboard' (an
   * event file), 'html' (report.html); 'all' or 'none' of them. Default ['jsonl'] where there is an `outputDir`.
   */
  readonly reportTo?: ReportName | 'all' | 'none' | readonly ReportName[]
  /** Prompts that the model answers before and after, for the result and report.html. Default null. */
  readonly samples?: SamplesOptions | null
  /** Told of the training as it goes. Default none. */
  readonly callbacks?: readonly TrainerCallback[]
  /** What the adapter's model card says. Default: the run's figures alone. */
  readonly card?: CardContent
}

/** All that training is told. */
export type TrainerOptions<B = LabelledBatch> = Omit<TrainingOptions<B>, 'onWarning'> &
  OwnTrainerOptions & {
    /**
     * Told what makes a run pointless and, with the code 'run-folder', of files that could not be written or read, such
     * as a torn checkpoint. Callbacks are told too. Default: nobody.
     */
    readonly onWarning?: (message: string, code: TrainingWarningCode | 'run-folder') => void
  }

/** What a trainer tells its run. */
export type RunOptions<B> = Omit<TrainerOptions<B>, keyof OwnTrainerOptions>

/** A trainer's own options with every default filled in. */
export type ResolvedTrainerOptions = Required<
  Omit<OwnTrainerOptions, 'evalStrategy' | 'saveStrategy' | 'reportTo' | 'card'>
> & {
  readonly evalStrategy: IntervalStrategy
  readonly saveStrategy: IntervalStrategy
  readonly reportTo: readonly ReportName[]
  readonly card: CardContent | undefined
}

const strategy = oneOf(['no', 'steps', 'epoch'])
const interval: Rule<number> = either(whole({ from: 1 }), number({ above: 0, below: 1 }))
const place: Rule<RunPlace> = that(
  "a directory's path, a directory's handle or a store",
  (value): value is RunPlace =>
    (typeof value === 'string' && value !== '') || (typeof value === 'object' && value !== null),
)
const examples: Rule<readonly Example[]> = that('a list of examples', (value): value is readonly Example[] =>
  Array.isArray(value),
)

/** A rule for each of them. */
export const ownRules: OptionRules<OwnTrainerOptions> = {
  outputDir: orNull(place),
  evalDataset: orNull(examples),
  evalStrategy: strategy,
  evalSteps: interval,
  evalOnStart: flag,
  evalBatchSize: whole({ from: 1 }),
  saveStrategy: strategy,
  saveSteps: interval,
  saveTotalLimit: orNull(whole({ from: 1 })),
  loadBestModelAtEnd: flag,
  metricForBestModel: text,
  greaterIsBetter: flag,
  earlyStoppingPatience: orNull(whole({ from: 1 })),
  earlyStoppingThreshold: number({ from: 0 }),
  resumeFromCheckpoint: either(flag, whole({ from: 0 })),
  acceptDifferences: listOf(text),
  reportTo: either(oneOf([...reportNames, 'all', 'none']), listOf(oneOf(reportNames))),
  samples: orNull(samplesRule),
  callbacks: listOf(
    withMethods<TrainerCallback>('a callback, an object with a name and methods such as onStepEnd', []),
  ),
  card: table(cardRules),
}

/** What others call all that a trainer is told. */
export const trainerAliases = {
  ...trainingAliases,
  evaluationStrategy: 'evalStrategy',
  doEval: 'evalStrategy',
  perDeviceEvalBatchSize: 'evalBatchSize',
  output: 'outputDir',
  outDir: 'outputDir',
  saveEvery: 'saveSteps',
  evalEvery: 'evalSteps',
  patience: 'earlyStoppingPatience',
  resume: 'resumeFromCheckpoint',
} as const

/**
 * Reads what a trainer is told: what its run is told, and its own.
 * @throws MedAwareError `config` for an unknown name, a value out of range, or options that do nothing together.
 */
export function trainerOptions<B>(
  who: string,
  given: TrainerOptions<B>,
): { readonly run: RunOptions<B>; readonly own: ResolvedTrainerOptions } {
  const rules: OptionRules<TrainerOptions<unknown>> = { ...trainingRules, ...ownRules, onWarning: callback() }
  const read = readOptions<TrainerOptions<unknown>>(who, given, rules, trainerAliases)
  const isOwn = (name: string): name is keyof OwnTrainerOptions => Object.hasOwn(ownRules, name)
  const run = Object.fromEntries(Object.entries(given).filter(([name]) => !isOwn(name))) as RunOptions<B>
  const { outputDir = null, evalDataset = null, earlyStoppingPatience = null } = read
  const { evalSteps, metricForBestModel = 'evalLoss' } = read
  const everyPass = evalDataset === null ? 'no' : evalSteps === undefined ? 'epoch' : 'steps'
  const { evalStrategy = everyPass, saveStrategy = outputDir === null ? 'no' : 'steps' } = read
  const needsData = evalStrategy !== 'no' || earlyStoppingPatience !== null || read.loadBestModelAtEnd === true
  check(!needsData || evalDataset !== null, 'config', () => {
    const which = ['evalStrategy', 'earlyStoppingPatience', 'loadBestModelAtEnd'].find((name) => name in read)
    return `${who}: ${which ?? 'evalSteps'} needs something to measure on; give evalDataset`
  })
  check(earlyStoppingPatience === null || evalStrategy !== 'no', 'config', () => {
    return `${who}: earlyStoppingPatience counts evaluations, and evalStrategy 'no' makes none; leave it out`
  })
  check(
    saveStrategy === 'no' || outputDir !== null,
    'config',
    () => `${who}: saveStrategy needs an outputDir to save into`,
  )
  const reportTo = logsOf(read.reportTo ?? (outputDir === null ? 'none' : 'jsonl'))
  check(
    reportTo.length === 0 || outputDir !== null,
    'config',
    () => `${who}: reportTo needs an outputDir to keep logs in`,
  )
  const { samples = null } = read
  const resumes = (read.resumeFromCheckpoint ?? false) !== false
  check(!resumes || outputDir !== null, 'config', () => `${who}: resumeFromCheckpoint needs the outputDir that has it`)
  return {
    run,
    own: {
      evalSteps: 500,
      evalOnStart: false,
      evalBatchSize: 8,
      saveSteps: 500,
      saveTotalLimit: null,
      loadBestModelAtEnd: earlyStoppingPatience !== null,
      greaterIsBetter: !/(Loss|Perplexity|Byte)$/.test(metricForBestModel),
      earlyStoppingThreshold: 0,
      resumeFromCheckpoint: false,
      acceptDifferences: [],
      callbacks: [],
      ...ownOf(read),
      ...{
        outputDir,
        evalDataset,
        earlyStoppingPatience,
        metricForBestModel,
        evalStrategy,
        saveStrategy,
        reportTo,
        samples,
      },
      card: read.card,
    },
  }

  function ownOf(all: TrainerOptions<unknown>): OwnTrainerOptions {
    return Object.fromEntries(Object.entries(all).filter(([name]) => isOwn(name)))
  }
}

function logsOf(given: NonNullable<OwnTrainerOptions['reportTo']>): readonly ReportName[] {
  if (typeof given !== 'string') return [...new Set(given)]
  return given === 'all' ? reportNames : given === 'none' ? [] : [given]
}

/** Steps after which something is due, of all steps: a whole number of steps, or a share of them. */
export function intervalOf(given: number, steps: number): number {
  return given < 1 ? Math.max(1, Math.ceil(given * steps)) : given
}
