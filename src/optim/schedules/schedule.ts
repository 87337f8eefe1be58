import type { SettingsRow } from '../../core/named-rows.ts'
import { check } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'

/** What a schedule that heeds evaluations is told, and keeps: a checkpoint holds it. */
export interface MetricFollower {
  /** Takes an evaluation's metric, such as its loss. */
  observe(metric: number): void
  /** What it goes by, as plain JSON values. */
  state(): JsonObject
  /** Goes on from such a state. @throws MedAwareError `format` for another thing. */
  restore(state: unknown): void
}

/** Factor on the peak learning rate at each optimiser step, counted from 0. */
export interface Schedule {
  (step: number): number
  /** Of a schedule that changes with what evaluations come to; absent from those that follow the step alone. */
  readonly follower?: MetricFollower
}

/** What of a run a schedule is made for. */
export interface ScheduleContext {
  /** Optimiser steps in all. */
  readonly steps: number
  /** Steps of the warm-up. */
  readonly warmup: number
  /** The peak, which rates among the settings are shares of. @throws MedAwareError `config` where nobody gave it. */
  peak(): number
}

/** What a table of schedules says of one, with the settings `O`. */
export interface ScheduleRow<O extends object> extends SettingsRow<O> {
  /** Makes it with every setting filled in, the warm-up with it. */
  create(settings: Required<O>, context: ScheduleContext): Schedule
}

/**
 * A linear warm-up from 0, so that its first step has rate 0, and then another course.
 * @param factorAt Told the step and how far it is behind the warm-up, 1 being the end of the run.
 */
export function afterWarmup(
  { steps, warmup }: ScheduleContext,
  factorAt: (step: number, progress: number) => number,
): Schedule {
  return (step) => {
    if (step < warmup) return step / Math.max(1, warmup)
    return factorAt(step, Math.min(1, (step - warmup) / Math.max(1, steps - warmup)))
  }
}

/** A rate as a share of the peak. @throws MedAwareError `config` for one above it. */
export function shareOfPeak(name: string, rate: number, context: ScheduleContext): number {
  const peak = context.peak()
  check(rate <= peak, 'config', () => `schedule: ${name} ${rate} must not be above the learning rate, ${peak}`)
  return rate / peak
}
