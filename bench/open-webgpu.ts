import { create } from 'webgpu'
import { openWebGpuDevice } from '../src/device/webgpu/open-webgpu-device.ts'
import type { WebGpuDevice } from '../src/device/webgpu/webgpu-device.ts'
import type { WebGpuOptions } from '../src/device/webgpu/options.ts'
import { tunings } from './row.ts'

/** Opens the adapter that is measured. Timestamps are multiples of 65 µs unless Dawn is told otherwise. */
export async function openAdapter(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const gpu = create(['disable-dawn-features=timestamp_quantization'])
  const tuning = tunings.find((name) => name === process.env['BENCH_TUNING']) ?? 'auto'
  return openWebGpuDevice(gpu, { tuning, ...options })
}
