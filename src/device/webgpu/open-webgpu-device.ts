import { check } from '../../core/errors.ts'
import { readOptions } from '../../core/options.ts'
import type { Gpu } from '../../platform/platform.ts'
import { passSelfTest } from '../self-test/self-test.ts'
import { requestDevice } from './adapter.ts'
import { isTested, type WebGpuOptions, webGpuOptionRules } from './options.ts'
import { recordOf, traitsOf } from './programs/programs.ts'
import { loadTexts } from './programs/texts.ts'
import { WebGpuDevice } from './webgpu-device.ts'

/** Dawn's GPU object must outlive its devices: if it is collected first, Node crashes (npm webgpu 0.4 to 0.6). */
const inUse = new Map<WebGpuDevice, Gpu>()

/**
 * Opens an adapter of `gpu` (`navigator.gpu` in browsers) as an engine.
 * @throws MedAwareError `device` when there is no adapter, it gives no device, or it computes a kernel wrong; `config`
 *   for an unknown option or a value out of its range; `unsupported` where `profile` asks for timestamps that the
 *   adapter has not.
 */
export async function openWebGpuDevice(gpu: Gpu, given: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const options = readOptions('openWebGpuDevice', given, webGpuOptionRules)
  const { powerPreference = 'high-performance' } = options
  // From here on it is the standard's, whose types are not the package's to publish.
  const adapter = (options.adapter ?? (await gpu.requestAdapter({ powerPreference }))) as GPUAdapter | null
  check(adapter !== null, 'device', () => `webgpu: there is no adapter; install a GPU driver, or use { device: 'cpu' }`)
  check(
    options.profile !== true || adapter.features.has('timestamp-query'),
    'unsupported',
    () => 'webgpu: profile needs timestamps, and this adapter or browser has no timestamp-query; leave profile out',
  )
  const opened = await requestDevice(adapter)
  const traits = traitsOf(opened, adapter.info, options)
  const texts = await loadTexts(traits.isSoftware)
  const record = await recordOf(adapter.info, traits, texts, options)
  const device = new WebGpuDevice(opened, adapter.info, texts, options, record)
  inUse.set(device, gpu)
  void device.gpu.lost.then(() => inUse.delete(device))
  if (isTested(device.isSoftware, options)) await passSelfTest(device, record)
  return device
}
