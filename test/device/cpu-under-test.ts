import {
  type CpuBuild,
  cpuBuilds,
  type CpuDevice,
  type CpuOptions,
  openCpuDevice,
} from '../../src/device/cpu/cpu-device.ts'

/** Small kernels are cut as well, into shares of an odd size. */
export const cutSmall = { shareItems: 3 } as const

/**
 * The CPU engine that `MEDAWARE_TEST_CPU` asks for as build and threads, such as `relaxed:2`; null where tests choose.
 * With it they run on this engine alone.
 */
export const askedCpu: CpuOptions | null = parse(process.env['MEDAWARE_TEST_CPU'])

/**
 * Opens the CPU engine that was asked for, or the one the options give. Every test that needs one but not which calls
 * this.
 */
export function openTestCpu(options: CpuOptions = {}): Promise<CpuDevice> {
  return openCpuDevice({ ...options, ...askedCpu })
}

function parse(words: string | undefined): CpuOptions | null {
  if (words === undefined) return null
  const [build, threads] = words.split(':')
  if (!cpuBuilds().includes(build as CpuBuild) || !(Number(threads) >= 1)) {
    throw new Error(
      `MEDAWARE_TEST_CPU is one of ${cpuBuilds().join(', ')}, a colon and a number of threads, not ${words}`,
    )
  }
  return { build: build as CpuBuild, threads: Number(threads), ...(threads !== '1' && cutSmall) }
}
