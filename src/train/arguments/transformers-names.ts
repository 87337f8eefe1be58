import { check } from '../../core/errors.ts'
import { number, type OptionRules, recordOf, text, that, whole } from '../../core/options.ts'
import { epsRule } from '../../optim/optimizer-options.ts'
import type { OptimizerChoice } from '../../optim/optimizers.ts'
import { type ScheduleChoice, warmupRule } from '../../optim/schedules/schedules.ts'

/** Options of a run by the names that transformers' TrainingArguments gives them: each stands for one of ours. */
export interface TransformersNames {
  /** `epochs`. */
  readonly numTrainEpochs?: number
  /** `batchSize`: there is one device. */
  readonly perDeviceTrainBatchSize?: number
  /** `schedule`, by its name. */
  readonly lrSchedulerType?: string
  /** Settings of that schedule, by our names. */
  readonly lrSchedulerKwargs?: Readonly<Record<string, unknown>>
  /** `warmup`, in steps, or below 1 as a share of all steps. */
  readonly warmupSteps?: number
  /** `warmup`, as a share of all steps. */
  readonly warmupRatio?: number
  /** `optimizer`, by its name. */
  readonly optim?: string
  /** The first of `betas`. Default 0.9 where the other is given. */
  readonly adamBeta1?: number
  /** The second of `betas`. Default 0.999 where the other is given. */
  readonly adamBeta2?: number
  /** `eps`. */
  readonly adamEpsilon?: number
}

const beta = number({ from: 0, below: 1 })

/** A rule for each of transformers' names. */
export const transformersRules: OptionRules<TransformersNames> = {
  numTrainEpochs: number({ above: 0 }),
  perDeviceTrainBatchSize: whole({ from: 1 }),
  lrSchedulerType: text,
  lrSchedulerKwargs: recordOf(that('a value', (value): value is unknown => value !== undefined)),
  warmupSteps: warmupRule,
  warmupRatio: number({ from: 0, below: 1 }),
  optim: text,
  adamBeta1: beta,
  adamBeta2: beta,
  adamEpsilon: epsRule,
}

/** What they stand for. */
interface OwnNames {
  readonly epochs?: number
  readonly batchSize?: number
  readonly schedule?: ScheduleChoice
  readonly warmup?: number
  readonly optimizer?: OptimizerChoice
  readonly betas?: readonly [number, number]
  readonly eps?: number
}

const sameAs: readonly (readonly [keyof OwnNames, ...(keyof TransformersNames)[]])[] = [
  ['epochs', 'numTrainEpochs'],
  ['batchSize', 'perDeviceTrainBatchSize'],
  ['schedule', 'lrSchedulerType'],
  ['warmup', 'warmupSteps', 'warmupRatio'],
  ['optimizer', 'optim'],
  ['betas', 'adamBeta1'],
  ['betas', 'adamBeta2'],
  ['eps', 'adamEpsilon'],
]

/**
 * Puts ours in the place of transformers' names.
 * @param who Begins an error's sentence.
 * @throws MedAwareError `config` where an option is given by two names.
 */
export function inOurNames<T extends TransformersNames & OwnNames>(
  who: string,
  given: T,
): Omit<T, keyof TransformersNames> & OwnNames {
  for (const names of sameAs) {
    const twice = names.filter((name) => given[name] !== undefined)
    check(twice.length < 2, 'config', () => `${who}: ${twice.join(' and ')} are one option; give it once`)
  }
  const {
    numTrainEpochs: epochs,
    perDeviceTrainBatchSize: batchSize,
    lrSchedulerType: type,
    lrSchedulerKwargs,
    warmupSteps,
    warmupRatio,
    optim: optimizer,
    adamBeta1,
    adamBeta2,
    adamEpsilon: eps,
    ...ours
  } = given
  check(lrSchedulerKwargs === undefined || type !== undefined, 'config', () => {
    return `${who}: lrSchedulerKwargs are settings of a schedule; name it by lrSchedulerType`
  })
  const warmup = warmupSteps ?? warmupRatio
  const schedule =
    type === undefined || lrSchedulerKwargs === undefined ? type : Object.freeze({ ...lrSchedulerKwargs, type })
  const translated: OwnNames = {
    ...(epochs !== undefined && { epochs }),
    ...(batchSize !== undefined && { batchSize }),
    ...(schedule !== undefined && { schedule }),
    ...(warmup !== undefined && { warmup }),
    ...(optimizer !== undefined && { optimizer }),
    ...((adamBeta1 ?? adamBeta2) !== undefined && { betas: [adamBeta1 ?? 0.9, adamBeta2 ?? 0.999] as const }),
    ...(eps !== undefined && { eps }),
  }
  return { ...ours, ...translated }
}
