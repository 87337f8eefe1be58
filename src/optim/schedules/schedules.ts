import { hex32, xxh32 } from '../../core/checksum.ts'
import { check } from '../../core/errors.ts'
import { namedRow, NamedRows } from '../../core/named-rows.ts'
import { number, readArgument, type Rule, that, whole, withMethods } from '../../core/options.ts'
import { cosineWarmupWithMinLr, cosineWithMinLr } from './cosine-with-min-lr.ts'
import { constant, cosine, cosineWithRestarts, inverseSqrt, linear, polynomial } from './plain-schedules.ts'
import { reduceLrOnPlateau } from './reduce-lr-on-plateau.ts'
import type { Schedule, ScheduleContext, ScheduleRow } from './schedule.ts'
import { warmupStableDecay } from './warmup-stable-decay.ts'

/** The schedules that come with the library, by transformers' names (optimization.py). */
const ownRows = {
  cosine,
  linear,
  constant,
  cosine_with_restarts: cosineWithRestarts,
  cosine_with_min_lr: cosineWithMinLr,
  cosine_warmup_with_min_lr: cosineWarmupWithMinLr,
  polynomial,
  inverse_sqrt: inverseSqrt,
  warmup_stable_decay: warmupStableDecay,
  reduce_lr_on_plateau: reduceLrOnPlateau,
} as const

/** Shapes of the learning rate over a run, by transformers' names. */
export type ScheduleName = keyof typeof ownRows

type SettingsOf<Row> = Row extends ScheduleRow<infer O> ? O : never

/** A schedule of the table with settings: `{ type: 'cosine_with_restarts', numCycles: 2 }`. */
export type ScheduleSpec =
  | { [Name in ScheduleName]: { readonly type: Name } & SettingsOf<(typeof ownRows)[Name]> }[ScheduleName]
  | { readonly type: string; readonly [setting: string]: unknown }

/**
 * A schedule of your own: the factor on the peak learning rate, from 0 on, at a step of so many, counted from 0. It
 * gives the warm-up as well, and must give the same each time it is asked.
 */
export type ScheduleFunction = (step: number, steps: number) => number

/** How a run is told its schedule: a name, a name with settings, or a function. */
export type ScheduleChoice = ScheduleName | (string & {}) | ScheduleSpec | ScheduleFunction

/** A choice that was read: a name, with those settings that are not the default, or a function. */
export type ResolvedSchedule = string | ScheduleSpec | ScheduleFunction

type MakeSchedule = (context: ScheduleContext) => Schedule

const rowOf = <O extends object>(row: ScheduleRow<O>) =>
  namedRow<O, MakeSchedule>(row, (settings) => (context) => row.create(settings, context))

const rows = new NamedRows<MakeSchedule>('schedule', [
  ['cosine', rowOf(ownRows.cosine)],
  ['linear', rowOf(ownRows.linear)],
  ['constant', rowOf(ownRows.constant)],
  ['cosine_with_restarts', rowOf(ownRows.cosine_with_restarts)],
  ['cosine_with_min_lr', rowOf(ownRows.cosine_with_min_lr)],
  ['cosine_warmup_with_min_lr', rowOf(ownRows.cosine_warmup_with_min_lr)],
  ['polynomial', rowOf(ownRows.polynomial)],
  ['inverse_sqrt', rowOf(ownRows.inverse_sqrt)],
  ['warmup_stable_decay', rowOf(ownRows.warmup_stable_decay)],
  ['reduce_lr_on_plateau', rowOf(ownRows.reduce_lr_on_plateau)],
])

/**
 * Adds a schedule to the table, so that a run takes its name.
 * @param name Such as 'one_cycle'.
 * @throws MedAwareError `config` for a name or another word that the table has already.
 */
export function registerSchedule<O extends object>(name: string, row: ScheduleRow<O>): void {
  const rule = withMethods<ScheduleRow<O>>('a row with settings, defaults and create', ['create'])
  rows.add('registerSchedule', name, rowOf(readArgument('registerSchedule', 'row', row, rule)))
}

const isSpec = (value: unknown): value is { readonly type: string } =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'

/** What a schedule is chosen by; `resolveSchedule` reads it. */
export const scheduleRule: Rule<ScheduleChoice> = that(
  "a name such as 'cosine', { type: 'cosine', … } or a function of the step",
  (value): value is ScheduleChoice => typeof value === 'string' || typeof value === 'function' || isSpec(value),
)

/** A share of all steps, or their number. */
export const warmupRule: Rule<number> = that(
  'a share of all steps from 0 and below 1, or a whole number of steps',
  (value): value is number => typeof value === 'number' && value >= 0 && (value < 1 || Number.isSafeInteger(value)),
)

const factorRule = number({ from: 0 })

/** Steps of the warm-up. */
export function warmupSteps(steps: number, warmup: number): number {
  return warmup < 1 ? Math.ceil(steps * warmup) : warmup
}

/**
 * Reads the choice of a schedule. @param at Whose it is, such as 'TrainingRun: schedule'.
 * @throws MedAwareError `config` for an unknown name, setting or value.
 */
export function resolveSchedule(at: string, given: ScheduleChoice): ResolvedSchedule {
  if (typeof given === 'function') return given
  const { type, ...settings } = typeof given === 'string' ? { type: given } : given
  const [name, row] = rows.get(at, type)
  const unusual = row.unusual(row.resolve(at, settings).settings)
  return Object.keys(unusual).length === 0 ? name : Object.freeze({ type: name, ...unusual })
}

/**
 * transformers' schedules (optimization.py): a linear warm-up from 0, so that the first step of a warm-up has rate 0,
 * and then the course that the name says. Or a function of your own.
 * @param steps Of the whole run.
 * @param warmup Steps, or a share of `steps` if below 1 (rounded up). Default 0, which a function must leave.
 * @param learningRate The peak. Needed where a setting is a rate: by polynomial, minLr and reduce_lr_on_plateau.
 * @returns The factor at a step. @throws MedAwareError `config` for a name that is none of these, for settings and
 * numbers out of range, and, there or at the step, for a function's factor that is negative or not finite.
 */
export function schedule(choice: ScheduleChoice, steps: number, warmup = 0, learningRate?: number): Schedule {
  const at = 'schedule'
  const read = resolveSchedule(at, readArgument(at, 'name', choice, scheduleRule))
  readArgument(at, 'steps', steps, whole({ from: 1 }))
  const rising = warmupSteps(steps, readArgument(at, 'warmup', warmup, warmupRule))
  if (typeof read === 'function') return ownSchedule(read, steps, rising)
  const peak = () => readArgument(at, 'learningRate', learningRate, number({ above: 0 }))
  const { type, ...settings } = typeof read === 'string' ? { type: read } : read
  return rows.get(at, type)[1].resolve(at, settings).make({ steps, warmup: rising, peak })
}

function ownSchedule(factorOf: ScheduleFunction, steps: number, warmup: number): Schedule {
  check(warmup === 0, 'config', () => {
    return `schedule: a function gives the warm-up as well, so warmup must be 0, got ${warmup}`
  })
  const factorAt = (step: number) =>
    readArgument('schedule', `the factor of step ${step} of ${steps}`, factorOf(step, steps), factorRule)
  // What is wrong anywhere should be heard before the first step is paid for.
  for (const step of samplesOf(steps)) factorAt(step)
  return factorAt
}

/**
 * A schedule in plain JSON: its name, with settings that are not the default, or for a function a hash of the factors
 * it gives, by which a checkpoint compares it.
 */
export function describeSchedule(choice: ResolvedSchedule, steps: number): string | ScheduleSpec {
  if (typeof choice !== 'function') return choice
  return `function ${hex32(xxh32(Float32Array.from(samplesOf(steps), (step) => choice(step, steps))))}`
}

/** Steps that stand for all, the first and the last among them. */
function samplesOf(steps: number): readonly number[] {
  const count = Math.min(steps, 4096)
  return Array.from({ length: count }, (_, i) => Math.floor((i * (steps - 1)) / Math.max(1, count - 1)))
}
