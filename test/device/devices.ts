import { cpuBuilds, openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../src/device/device.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import { askedCpu, cutSmall, openTestCpu } from './cpu-under-test.ts'
import { keptGpu } from './kept-gpu.ts'

/**
 * Every device of this machine: the CPU engine's builds, one on a single thread and one on five that share out whatever
 * can be cut, and WebGPU; or the one CPU engine that was asked for. The caller disposes of them.
 */
export async function testDevices(): Promise<Device[]> {
  if (askedCpu !== null) return [await openTestCpu()]
  const devices: Device[] = [await openCpuDevice({ build: 'simd', threads: 1 })]
  for (const build of cpuBuilds().slice(1)) devices.push(await openCpuDevice({ build, threads: 5, ...cutSmall }))
  devices.push(await openWebGpuDevice(await keptGpu()))
  return devices
}

/**
 * One device of each engine: the CPU engine's default build on five threads that share out whatever can be cut, and
 * WebGPU; or the CPU engine that was asked for. For rooms above the ops: `.ci/cpu-matrix` takes them to the other
 * builds.
 */
export async function testEngines(): Promise<Device[]> {
  if (askedCpu !== null) return [await openTestCpu()]
  return [await openCpuDevice({ threads: 5, ...cutSmall }), await openWebGpuDevice(await keptGpu())]
}
