import { oneOf, readArgument, type Rule, that, whole } from '../core/options.ts'

/** Shapes of the learning rate over a run, by transformers' names. */
export type ScheduleName = 'cosine' | 'linear' | 'constant'

/** Factor on the peak learning rate at each optimiser step, counted from 0. */
export type Schedule = (step: number) => number

const decays: Readonly<Record<ScheduleName, (progress: number) => number>> = {
  cosine: (progress) => 0.5 * (1 + Math.cos(Math.PI * progress)),
  linear: (progress) => 1 - progress,
  constant: () => 1,
}

/** A schedule's name; a constant rate with warm-up is the constant one here. */
export const scheduleRule: Rule<ScheduleName> = oneOf(['cosine', 'linear', 'constant'], {
  constant_with_warmup: 'constant',
})

/** A share of all steps, or their number. */
export const warmupRule: Rule<number> = that(
  'a share of all steps from 0 and below 1, or a whole number of steps',
  (value): value is number => typeof value === 'number' && value >= 0 && (value < 1 || Number.isSafeInteger(value)),
)

/** Steps of the warm-up. */
export function warmupSteps(steps: number, warmup: number): number {
  return warmup < 1 ? Math.ceil(steps * warmup) : warmup
}

/**
 * transformers' schedules (optimization.py): a linear warm-up from 0, so that the first step of a warm-up has rate 0, then
 * a half cosine to 0, a line to 0, or the peak to the end.
 * @param steps Of the whole run.
 * @param warmup Steps, or a share of `steps` if below 1 (rounded up). Default 0.
 * @throws MedAwareError `config` for a name that is none of these, and for numbers out of range.
 */
export function schedule(name: ScheduleName, steps: number, warmup = 0): Schedule {
  const decay = decays[readArgument('schedule', 'name', name, scheduleRule)]
  readArgument('schedule', 'steps', steps, whole({ from: 1 }))
  const rising = warmupSteps(steps, readArgument('schedule', 'warmup', warmup, warmupRule))
  const after = (step: number) => Math.min(1, (step - rising) / Math.max(1, steps - rising))
  return (step) => (step < rising ? step / Math.max(1, rising) : decay(after(step)))
}
