import type { CpuOptions } from '../device/cpu/cpu-device.ts'
import type { OpenDeviceOptions } from '../device/open-device.ts'
import { oneOf } from './command.ts'

/** Flags that say what is computed on. */
export const engineFlags = {
  device: { type: 'string', default: 'auto' },
  build: { type: 'string', default: 'auto' },
} as const

/** What the flags may say of the device, and of the CPU engine's build. */
export const deviceWords = ['auto', 'cpu', 'webgpu'] as const
export const buildWords = ['auto', 'simd', 'relaxed', 'wide'] as const

/** The build for a word: the command's process is its own, so that it may take V8's flags for the fastest. */
export function buildFor(word: (typeof buildWords)[number]): NonNullable<CpuOptions['build']> {
  return word === 'auto' ? 'fastest' : word
}

/** The device that the flags ask for. @throws UsageError. */
export function readEngine(words: { readonly device: string; readonly build: string }): OpenDeviceOptions {
  const build = buildFor(oneOf('build', words.build, buildWords))
  return { device: oneOf('device', words.device, deviceWords), cpu: { build } }
}
