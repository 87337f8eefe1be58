import { setFlagsFromString } from 'node:v8'
import { hasRelaxedSimd, openCpuDevice } from '../../src/device/cpu.ts'
import type { Device } from '../../src/device/device.ts'
import { openWebGpuDevice } from '../../src/device/webgpu.ts'
import { testGpu } from './test-gpu.ts'

// Node 20 has relaxed SIMD behind a flag; from 22 on it needs none.
if (process.versions.node.startsWith('20.')) setFlagsFromString('--experimental-wasm-relaxed-simd')

/**
 * Every device of this machine: the CPU engine's builds, one on a single thread and one on five that share out whatever can
 * be cut, and WebGPU. The caller disposes of them.
 */
export async function testDevices(): Promise<Device[]> {
  const devices: Device[] = [await openCpuDevice({ relaxedSimd: false, threads: 1 })]
  devices.push(await openCpuDevice({ relaxedSimd: hasRelaxedSimd(), threads: 5, shareItems: 3 }))
  devices.push(await openWebGpuDevice(await testGpu()))
  return devices
}
