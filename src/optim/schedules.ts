import { MedAwareError } from '../core/errors.ts'

/** Shapes of the learning rate over a run, by transformers' names. */
export type ScheduleName = 'cosine' | 'linear' | 'constant'

/** Factor on the peak learning rate at each optimiser step, counted from 0. */
export type Schedule = (step: number) => number

/**
 * transformers' schedules (optimization.py): a linear warm-up from 0, so that the first step of a warm-up has rate 0, then
 * a half cosine to 0, a line to 0, or the peak to the end.
 * @param warmup Steps, or a share of `steps` if below 1 (rounded up).
 * @throws MedAwareError `config` for a name that is none of these.
 */
export function schedule(name: ScheduleName, steps: number, warmup = 0): Schedule {
  const warmupSteps = warmup < 1 ? Math.ceil(steps * warmup) : warmup
  const after = (step: number) => Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps))
  if (!Object.hasOwn(decays, name)) {
    throw new MedAwareError('config', `schedule: unknown name "${name}"; there are ${Object.keys(decays).join(', ')}`)
  }
  const decay = decays[name]
  return (step) => (step < warmupSteps ? step / Math.max(1, warmupSteps) : decay(after(step)))
}

const decays: Readonly<Record<ScheduleName, (progress: number) => number>> = {
  cosine: (progress) => 0.5 * (1 + Math.cos(Math.PI * progress)),
  linear: (progress) => 1 - progress,
  constant: () => 1,
}
