import { hex32, xxh32 } from '../core/checksum.ts'
import { either, number, oneOf, readArgument, that, whole, type Rule } from '../core/options.ts'
import { check } from '../core/errors.ts'

/** Shapes of the learning rate over a run, by transformers' names. */
export type ScheduleName = 'cosine' | 'linear' | 'constant'

/** Factor on the peak learning rate at each optimiser step, counted from 0. */
export type Schedule = (step: number) => number

/**
 * A schedule of your own: the factor on the peak learning rate, from 0 on, at a step of so many, counted from 0. It
 * gives the warm-up as well, and must give the same each time it is asked.
 */
export type ScheduleFunction = (step: number, steps: number) => number

/** Where a run is, after its warm-up. */
interface Place {
  /** From 0 at the end of the warm-up to 1 at the end of the run. */
  readonly progress: number
}

/** Every schedule there is: what follows a linear warm-up. */
const schedules: Readonly<Record<ScheduleName, (at: Place) => number>> = {
  cosine: ({ progress }) => 0.5 * (1 + Math.cos(Math.PI * progress)),
  linear: ({ progress }) => 1 - progress,
  constant: () => 1,
}

const nameRule: Rule<ScheduleName> = oneOf(['cosine', 'linear', 'constant'], { constant_with_warmup: 'constant' })
const functionRule = that('a function of the step', (value): value is ScheduleFunction => typeof value === 'function')

/** A schedule's name or a function; a constant rate with warm-up is the constant one here. */
export const scheduleRule: Rule<ScheduleName | ScheduleFunction> = either(nameRule, functionRule)

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
 * transformers' schedules (optimization.py): a linear warm-up from 0, so that the first step of a warm-up has rate 0,
 * then a half cosine to 0, a line to 0, or the peak to the end. Or a function of your own.
 * @param steps Of the whole run.
 * @param warmup Steps, or a share of `steps` if below 1 (rounded up). Default 0, which a function must leave.
 * @returns The factor at a step. @throws MedAwareError `config` for a name that is none of these, for numbers out of
 * range, and, there or at the step, for a function's factor that is negative or not finite.
 */
export function schedule(shape: ScheduleName | ScheduleFunction, steps: number, warmup = 0): Schedule {
  const read = readArgument('schedule', 'name', shape, scheduleRule)
  readArgument('schedule', 'steps', steps, whole({ from: 1 }))
  const rising = warmupSteps(steps, readArgument('schedule', 'warmup', warmup, warmupRule))
  if (typeof read === 'function') {
    check(rising === 0, 'config', () => {
      return `schedule: a function gives the warm-up as well, so warmup must be 0, got ${warmup}`
    })
    const factorAt = (step: number) =>
      readArgument('schedule', `the factor of step ${step} of ${steps}`, read(step, steps), factorRule)
    // What is wrong anywhere should be heard before the first step is paid for.
    for (const step of samplesOf(steps)) factorAt(step)
    return factorAt
  }
  const factor = schedules[read]
  const after = (step: number) => Math.min(1, (step - rising) / Math.max(1, steps - rising))
  return (step) => (step < rising ? step / Math.max(1, rising) : factor({ progress: after(step) }))
}

/**
 * A schedule in a word: its name, or for a function a hash of the factors it gives, by which a checkpoint compares it.
 */
export function describeSchedule(shape: ScheduleName | ScheduleFunction, steps: number): string {
  if (typeof shape !== 'function') return shape
  return `function ${hex32(xxh32(Float32Array.from(samplesOf(steps), (step) => shape(step, steps))))}`
}

/** Steps that stand for all, the first and the last among them. */
function samplesOf(steps: number): readonly number[] {
  const count = Math.min(steps, 4096)
  return Array.from({ length: count }, (_, i) => Math.floor((i * (steps - 1)) / Math.max(1, count - 1)))
}
