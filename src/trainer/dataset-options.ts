import { check } from '../core/errors.ts'
import { callback, type OptionRules, orNull, type Rule, that, whole } from '../core/options.ts'
import type { ExampleTokenizer } from '../data/example-tokenizer.ts'
import type { PrepareProgress } from '../data/prepare-options.ts'
import { trainingRules } from '../train/training-options.ts'
import type { AdapterToBegin } from './begin-adapter.ts'
import { ownRules } from './trainer-options.ts'
import type { Trainer, TrainResult } from './trainer.ts'

/** What a training over a data set is told beside what a `Trainer` is. */
export interface DatasetOptions {
  /** Makes tokens of rows. Default null, where examples are given. */
  readonly tokenizer?: ExampleTokenizer | null
  /**
   * The adapter to attach before, as `attachAdapter` takes it, or LoRA with any `initLoraWeights` that `startLora` has;
   * 'eva' looks at the examples, 'corda' at the first 256. Default null: the model has one, or is trained whole.
   */
  readonly peftConfig?: AdapterToBegin | null
  /** Of what `peftConfig` begins with: a whole number, of which the low 32 bits count. Default null: `seed`, or 0. */
  readonly initSeed?: number | null
  /** Called as rows are made examples of. */
  readonly onPrepare?: (progress: PrepareProgress) => void
}

const orNone = <T>(expects: string) => that<T | null>(expects, (value): value is T | null => typeof value === 'object')

/** A rule for each of them. */
export const datasetRules: OptionRules<DatasetOptions> = {
  tokenizer: orNone('a tokenizer or null'),
  peftConfig: orNone('an adapter’s config or null'),
  initSeed: orNull(whole()),
  onPrepare: callback(),
}

/** @throws MedAwareError `config` where there is none. */
export function tokenizerFor(who: string, tokenizer: ExampleTokenizer | null): ExampleTokenizer {
  check(tokenizer !== null, 'config', () => `${who}: rows need a tokenizer; give { tokenizer }, as loadModel gives it`)
  return tokenizer
}

/** Whether a list of data has what tells examples from rows: then it needs no tokenizer. */
export function haveAll(data: unknown, isExample: (item: object) => boolean): boolean {
  const list: readonly unknown[] = Array.isArray(data) ? data : []
  const [first] = list
  return typeof first === 'object' && first !== null && isExample(first)
}

/** Data that a training over a data set takes. */
export function dataRule<T extends object>(expects: string): Rule<T> {
  return that(expects, (value): value is T => {
    return typeof value === 'function' || (typeof value === 'object' && value !== null)
  })
}

/** What who makes examples of rows is told besides. */
interface Preparing {
  readonly onProgress?: (progress: PrepareProgress) => void
  readonly signal?: AbortSignal
  readonly onWarning?: (message: string) => void
}

/**
 * What of a training's options is about how rows become examples.
 * @param rules Of who makes them, but for `Preparing`.
 */
export function preparingOf<T extends object>(
  options: T & { readonly signal?: AbortSignal; readonly onWarning?: (message: string, code: 'data') => void },
  onPrepare: DatasetOptions['onPrepare'],
  rules: object,
): Partial<T> & Preparing {
  const { signal, onWarning } = options
  return {
    ...pick<T>(options, Object.keys(rules)),
    ...(onPrepare && { onProgress: onPrepare }),
    ...(signal && { signal }),
    ...(onWarning && { onWarning: (message) => onWarning(message, 'data') }),
  }
}

/** What of a training's options is a `Trainer`'s. */
export function trainerOptionsOf<T extends object>(options: T): Partial<T> {
  return pick<T>(options, [...Object.keys(trainingRules), ...Object.keys(ownRules)])
}

function pick<T extends object>(options: T, names: readonly string[]): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name))) as Partial<T>
}

/** Trains to the end and lets go of the run. */
export async function toEnd(trainer: Trainer): Promise<TrainResult> {
  try {
    return await trainer.train()
  } finally {
    trainer.dispose()
  }
}
