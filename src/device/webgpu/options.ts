import {
  callback,
  either,
  flag,
  number,
  oneOf,
  type OptionRules,
  recordOf,
  text,
  that,
  whole,
  withMethods,
} from '../../core/options.ts'
import type { GpuAdapter, PowerPreference } from '../../platform/platform.ts'
import type { TuningChoices } from '../device.ts'
import type { TuningProgress } from './programs/tuner.ts'
import { bindingAlignment } from './windows.ts'

export interface WebGpuOptions {
  /** Opened instead of the one `gpu` prefers. An adapter can be opened once. */
  readonly adapter?: GpuAdapter
  /** Which adapter of several is preferred. Default 'high-performance'. */
  readonly powerPreference?: PowerPreference
  /**
   * Most bytes of released buffers kept for reuse. Default: so many that buffers live and kept together are no more
   * than were live at one time before, and 256 MiB in any case.
   */
  readonly idleBytes?: number
  /** Kernels queued before they are sent out; fewer where they are much work. Default 1024. */
  readonly flushEvery?: number
  /**
   * Whether kernels may use subgroups, where the adapter has them. Default true. Results may differ in the last bits
   * without.
   */
  readonly subgroups?: boolean
  /**
   * Measure each kernel into `profile`, by the adapter's timestamps. Every kernel then has a pass of its own, so a step
   * takes longer. `openDevice` asks Dawn for exact ones; browsers, and a Dawn that the caller made, give multiples of
   * 65 to 100 µs. Default false.
   */
  readonly profile?: boolean
  /**
   * Most bytes that a kernel is given of a tensor at once; the work on a larger one is done in windows of it. A
   * multiple of 256. Default, and at most: the adapter's maxStorageBufferBindingSize (128 MiB on many).
   */
  readonly maxBindingBytes?: number
  /**
   * How programs are chosen where a kernel has several. 'on': `prepare` times them, and choices are kept for the next
   * time. 'off': the best guess. Choices made before, as `Device.tuning` gave them: those and no others, so that a run
   * can be repeated bit for bit. Default 'auto': on hardware 'on', on software adapters, whose best guesses have been
   * measured, 'off'.
   */
  readonly tuning?: 'auto' | 'on' | 'off' | TuningChoices
  /** Hears how far `prepare` is with timing, which can take seconds the first time. */
  readonly onTuning?: (progress: TuningProgress) => void
  /**
   * Whether to compare every program that may be chosen with the CPU engine before first use, since browsers and
   * drivers have computed wrong ones. One that is wrong is not used. Done once for an adapter, its driver and this
   * version. Default: on hardware.
   */
  readonly selfTest?: boolean
}

/** What each of the options may be. */
export const webGpuOptionRules: OptionRules<WebGpuOptions> = {
  adapter: withMethods<GpuAdapter>('a GPUAdapter', ['requestDevice']),
  powerPreference: oneOf(['high-performance', 'low-power']),
  idleBytes: number({ from: 0 }),
  flushEvery: whole({ from: 1 }),
  subgroups: flag,
  profile: flag,
  maxBindingBytes: that(
    `a positive multiple of ${bindingAlignment}`,
    (value): value is number =>
      Number.isSafeInteger(value) && Number(value) > 0 && Number(value) % bindingAlignment === 0,
  ),
  tuning: either(oneOf(['auto', 'on', 'off']), recordOf(text)),
  onTuning: callback<(progress: TuningProgress) => void>(),
  selfTest: flag,
}

/** Whether `prepare` times programs on an adapter. */
export function isTuned(isSoftware: boolean, { tuning = 'auto' }: WebGpuOptions): boolean {
  return tuning === 'on' || (tuning === 'auto' && !isSoftware)
}

/** Whether an adapter has to pass the self-test. */
export function isTested(isSoftware: boolean, { selfTest }: WebGpuOptions): boolean {
  return selfTest ?? !isSoftware
}
