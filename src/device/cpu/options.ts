import { flag, oneOf, type OptionRules, whole } from '../../core/options.ts'
import type { CpuBuild } from './module.ts'

export interface CpuOptions {
  /**
   * How the kernels are compiled; results differ in the last bits. Default: `relaxed` where the engine has relaxed
   * SIMD, which Node 20 is told to switch on for the whole process, else `simd`. `wide` turns on V8's experimental
   * revectoriser for the whole process: worth while in Node 24 and 26 on x64 with AVX2, where matrix products take
   * about 0.6 of the time. Deno and Bun have no revectoriser. `fastest` is for programs whose process is their own: it
   * tries `wide` for a fifth of a second, once a machine, takes it where its products are right and clearly faster, and else
   * the default. `CpuDevice.build` and the device's description name what was taken, `CpuDevice.whyBuild` says why.
   */
  readonly build?: CpuBuild | 'fastest'
  /**
   * Threads to compute on, the calling one included, from 1 to 64; results do not depend on it. Default: all cores.
   * Where memory cannot be shared between threads there is one, and `CpuDevice.whyOneThread` says why.
   */
  readonly threads?: number
  /**
   * Items of a kernel that a thread takes at a time; results do not depend on it. Default: a few shares for each
   * thread, small kernels whole.
   */
  readonly shareItems?: number
  /** Whether to add up calls, time and operations of each kernel in `Device.profile`. Default false. */
  readonly profile?: boolean
}

/** Threads that a device may have. */
export const mostThreads = 64

/** What each of the options may be. */
export const cpuOptionRules: OptionRules<CpuOptions> = {
  build: oneOf(['simd', 'relaxed', 'wide', 'fastest']),
  threads: whole({ from: 1, to: mostThreads }),
  shareItems: whole({ from: 1 }),
  profile: flag,
}
