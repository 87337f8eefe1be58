import { check, MedAwareError } from '../core/errors.ts'
import type { StepNumbers } from './step/step-log.ts'

/** What one optimiser step did. */
export interface StepReport {
  /** Steps done, from 1. */
  readonly step: number
  /** Steps of the whole run. */
  readonly steps: number
  readonly epoch: number
  /** Mean cross-entropy of the step's label tokens, in nats, or what the run's own loss is. */
  readonly loss: number
  /** Global gradient norm before clipping. */
  readonly gradNorm: number
  /** What the loss told beside itself, means over the step's batches; absent where it told nothing. */
  readonly metrics?: Readonly<Record<string, number>>
  readonly learningRate: number
  /** Tokens the step read, padding left out, and how many of them were labels. */
  readonly tokens: number
  readonly labelTokens: number
  readonly seconds: number
  /** Tokens read a second, over the last steps. */
  readonly tokensPerSecond: number
  readonly secondsLeft: number
}

/** What is known of a step before the device has done it. */
export type StepPlan = Omit<TakenStep, 'loss' | 'gradNorm' | 'metrics' | 'seconds'>

/** A report without what depends on those before it. */
export type TakenStep = Omit<StepReport, 'tokensPerSecond' | 'secondsLeft'>

/** Steps that the device works on, and what they will come to. */
export interface QueuedSteps {
  readonly plans: readonly StepPlan[]
  readonly numbers: Promise<readonly StepNumbers[]>
  readonly started: number
  /** For each plan, looks for the first tensor of its step that is not finite. */
  readonly diagnoses: readonly (() => Promise<string>)[]
}

/**
 * Waits for some steps and reports them.
 * @throws MedAwareError `numeric` where a loss or a norm is not finite, or every gradient is zero.
 */
export async function* reportOf({ plans, numbers, started, diagnoses }: QueuedSteps): AsyncGenerator<TakenStep> {
  const read = await numbers
  const seconds = (performance.now() - started) / 1000 / plans.length
  for (const [i, plan] of plans.entries()) {
    const { loss = NaN, gradNorm = NaN, metrics = null } = read[i] ?? {}
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      const what = Number.isFinite(loss) ? `the gradient norm is ${gradNorm}` : `the loss is ${loss}`
      // What cannot be found out must not hide what happened.
      const why = await diagnoses[i]?.().catch(() => 'which tensor was the first could not be seen')
      const remedy = 'lower the learning rate or look for bad rows'
      throw new MedAwareError('numeric', `TrainingRun: ${what} at step ${plan.step}: ${why}; ${remedy}`)
    }
    check(gradNorm > 0, 'numeric', () => {
      return `TrainingRun: every gradient is zero at step ${plan.step}; nothing would be learned`
    })
    yield { ...plan, loss, gradNorm, ...(metrics && { metrics }), seconds }
  }
}
