import { type CpuDevice, type CpuOptions, hasRelaxedSimd, openCpuDevice } from '../src/device/cpu.ts'
import type { Build } from './row.ts'

/** The build that the library chooses. */
export function defaultBuild(): Build {
  return hasRelaxedSimd() ? 'relaxed' : 'simd'
}

export function openBuild(build: Build, options: CpuOptions = {}): Promise<CpuDevice> {
  return openCpuDevice({ ...options, relaxedSimd: build !== 'simd' })
}
