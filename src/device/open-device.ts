import { requestGpu } from '#platform'
import { check, type ErrorCode, MedAwareError } from '../core/errors.ts'
import { oneOf, type OptionRules, readOptions, table, withMethods } from '../core/options.ts'
import type { Gpu, GpuAnswer } from '../platform/platform.ts'
import { type CpuOptions, cpuOptionRules } from './cpu/options.ts'
import type { Device } from './device.ts'
import { describeAdapter } from './webgpu/adapter.ts'
import { type WebGpuOptions, webGpuOptionRules } from './webgpu/options.ts'
import { openWebGpuDevice } from './webgpu/open-webgpu-device.ts'
import type { WebGpuDevice } from './webgpu/webgpu-device.ts'

export interface OpenDeviceOptions {
  /** 'auto' (default): a hardware WebGPU adapter if there is one, else the CPU engine. */
  readonly device?: 'auto' | 'cpu' | 'webgpu'
  /** For the CPU engine, if it is the one. */
  readonly cpu?: CpuOptions
  /** For the WebGPU engine, if it is the one. */
  readonly webgpu?: WebGpuOptions
  /** WebGPU to use instead of the platform's: another `navigator.gpu`, or Dawn with flags of your own. */
  readonly gpu?: Gpu
}

/** An open device, and why it is this one, in words for a log. */
export interface OpenedDevice {
  readonly device: Device
  readonly reason: string
}

const rules: OptionRules<OpenDeviceOptions> = {
  device: oneOf(['auto', 'cpu', 'webgpu']),
  cpu: table(cpuOptionRules),
  webgpu: table(webGpuOptionRules),
  gpu: withMethods<Gpu>("WebGPU's entry, such as navigator.gpu", ['requestAdapter']),
}

/**
 * Opens the engine to compute on. A software WebGPU adapter (llvmpipe, SwiftShader, WARP) is taken only when 'webgpu'
 * is asked for by name: the CPU engine does the same work faster.
 * @throws MedAwareError `device` when 'webgpu' is asked for and cannot be had, or computes a kernel wrong; `config` for
 *   an unknown option or a value out of its range, whichever engine it is for; `unsupported` for a `profile` that the
 *   adapter cannot give.
 */
export async function openDevice(given: OpenDeviceOptions = {}): Promise<OpenedDevice> {
  const options = readOptions('openDevice', given, rules)
  const wanted = options.device ?? 'auto'
  if (wanted === 'cpu') return openCpu('the CPU engine was asked for', options.cpu)
  const hardwareOnly = wanted === 'auto' && options.webgpu?.adapter === undefined
  const wishes = { exactTimestamps: options.webgpu?.profile === true, hardwareOnly }
  const answer: GpuAnswer = options.gpu === undefined ? await requestGpu(wishes) : { gpu: options.gpu }
  if (wanted === 'webgpu') {
    check(
      'gpu' in answer,
      'device',
      () => `openDevice: there is no WebGPU, ${reasonOf(answer)}; or use { device: 'cpu' }`,
    )
    return reportStruck(await openWebGpuDevice(answer.gpu, options.webgpu), 'WebGPU was asked for')
  }
  const found = 'gpu' in answer ? await openHardware(answer.gpu, options.webgpu) : answer.reason
  if (typeof found !== 'string') return found
  return openCpu(`the CPU engine, because ${found}`, options.cpu)
}

/** Codes of errors that say something of an adapter, not of what was asked for. */
const adapterFaults: readonly ErrorCode[] = ['device', 'device-lost', 'memory']

async function openCpu(reason: string, options?: CpuOptions): Promise<OpenedDevice> {
  // A page with a GPU never loads it.
  const { openCpuDevice } = await import('./cpu/cpu-device.ts')
  const device = await openCpuDevice(options)
  const { build, whyBuild, whyOneThread, flags } = device
  const kernels = whyBuild === null ? [] : [`build ${build}, for ${whyBuild}`]
  const threads = whyOneThread === null ? [] : [`on one thread, because ${whyOneThread}`]
  const process = flags.length === 0 ? [] : [`with ${flags.join(' and ')} set for the whole process`]
  return { device, reason: [reason, ...kernels, ...threads, ...process].join('; ') }
}

/** The adapter opened, or why it is not to be used. */
async function openHardware(gpu: Gpu, options: WebGpuOptions = {}): Promise<OpenedDevice | string> {
  const powerPreference = options.powerPreference ?? 'high-performance'
  const adapter = options.adapter ?? (await gpu.requestAdapter({ powerPreference }))
  if (adapter === null) return 'WebGPU finds no adapter'
  const { description, isSoftware } = describeAdapter(adapter.info)
  if (isSoftware) return `the only adapter is software: ${description}`
  try {
    return reportStruck(await openWebGpuDevice(gpu, { ...options, adapter }), `a hardware adapter: ${description}`)
  } catch (error) {
    // What the adapter cannot do is a reason for the CPU engine; what the caller got wrong is not.
    if (error instanceof MedAwareError && adapterFaults.includes(error.code)) return error.message
    throw error
  }
}

/** Adds to the reason what the adapter does not do as it should. */
function reportStruck(device: WebGpuDevice, reason: string): OpenedDevice {
  const { struck } = device.programs.choices
  return { device, reason: struck.length === 0 ? reason : `${reason}; without what fails here: ${struck.join(', ')}` }
}

function reasonOf(answer: GpuAnswer): string {
  return 'reason' in answer ? answer.reason : ''
}
