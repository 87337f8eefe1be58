import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CpuBuild, cpuBuilds, type CpuDevice, openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import { CpuBuffer } from '../../../src/device/cpu/heap.ts'
import type { Binding } from '../../../src/device/device.ts'
import { kernels } from '../../../src/device/register/kernels.ts'
import { attentionCases } from '../cases/attention.ts'
import { elementwiseCases } from '../cases/elementwise.ts'
import { fourBitCases } from '../cases/four-bit.ts'
import { matmulCases } from '../cases/matmul.ts'
import { headCases } from '../cases/heads.ts'
import { normCases } from '../cases/norms.ts'
import { rowCases } from '../cases/rows.ts'
import { cutSmall } from '../cpu-under-test.ts'
import { type KernelCase, runCase } from '../kernel-case.ts'

const cases = [
  ...matmulCases,
  ...fourBitCases,
  ...attentionCases,
  ...headCases,
  ...normCases,
  ...elementwiseCases,
  ...rowCases,
]

/** The end of what can be given out: a page below 4 GiB. */
const top = 2 ** 32 - 65536
/** Whole pages, more than any case needs: twice its numbers, for what kernels take beside them, and gaps. */
const room = 2 * 65536 * Math.ceil(Math.max(...cases.map(bytesOf)) / 65536)

/**
 * Where the buffers of a case begin: most of them across the sign bit of an address, right above it, and up to the end.
 */
const places = { 'across 2 GiB': 2 ** 31 - 1024, 'above 2 GiB': 2 ** 31 + room, 'below 4 GiB': top - room }

function bytesOf({ reads, writes }: KernelCase): number {
  return [...Object.values(reads), ...Object.values(writes)].reduce((sum, each) => sum + (each?.byteLength ?? 0), 0)
}

interface HighDevice {
  readonly device: CpuDevice
  readonly low: CpuDevice
}

const devices: HighDevice[] = []

/**
 * A device whose next buffer begins at `address`. The memory below is never touched, so the system does not give it.
 */
async function openHigh(address: number, build: CpuBuild, threads: number): Promise<CpuDevice> {
  const device = await openCpuDevice({ build, threads, ...(threads > 1 && cutSmall) })
  const first = addressOf(device.memory.allocate(64, 'first'))
  device.memory.allocate(address - first - 64, 'below')
  return device
}

function addressOf(buffer: unknown): number {
  if (!(buffer instanceof CpuBuffer)) throw new Error('not a buffer of the CPU engine')
  return buffer.pointer
}

beforeAll(async () => {
  for (const build of cpuBuilds()) {
    const low = await openCpuDevice({ build, threads: 1 })
    for (const address of Object.values(places)) {
      for (const threads of build === 'simd' ? [1, 5] : [5]) {
        devices.push({ device: await openHigh(address, build, threads), low })
      }
    }
  }
})
afterAll(() => {
  for (const { device, low } of devices) [device, low].forEach((each) => each.dispose())
})

function window(device: CpuDevice, byteLength: number): Binding {
  return { buffer: device.memory.allocate(byteLength, 'x'), byteOffset: 0, byteLength }
}

it.each(Object.keys(kernels))('%s gives the same bits wherever its buffers lie', async (kernel) => {
  for (const one of cases.filter((each) => each.kernel === kernel)) {
    for (const { device, low } of devices) {
      expect(await runCase(device, one), device.description).toEqual(await runCase(low, one))
    }
  }
})

describe.each(Object.entries(places))('%s', (_, address) => {
  it('bytes go up, down and across', async () => {
    const device = await openHigh(address, 'simd', 2)
    const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 255)
    const [from, to] = [window(device, 4096), window(device, 4096)]
    expect(addressOf(from.buffer)).toBe(address)
    device.upload(from, bytes)
    device.copy(from, to)
    expect(await device.download(to)).toEqual(bytes)
    device.dispose()
  })
})

it('a buffer that ends with the memory is worked on to its last number', async () => {
  for (const threads of [1, 5]) {
    const device = await openHigh(top - 4096 * 8, 'simd', threads)
    const [x, out] = [window(device, 4096 * 4), window(device, 4096 * 4)]
    expect(addressOf(out.buffer) + out.byteLength).toBe(top)
    const values = Float32Array.from({ length: 4096 }, (_, i) => i)
    device.upload(x, values)
    device.run('add', { a: x, b: x, out }, { count: 4096, alpha: 1 })
    expect(new Float32Array((await device.download(out)).buffer)).toEqual(values.map((value) => 2 * value))
    device.dispose()
  }
})

it('what would pass 4 GiB is refused by name, and the device works on', async () => {
  const device = await openCpuDevice({ threads: 2 })
  const x = window(device, 4 * 1000)
  const large = device.memory.allocate(3 * 2 ** 30, 'model.embed_tokens.weight')
  const used = addressOf(large) + 3 * 2 ** 30
  const free = top - used
  const error = (bytes: number): unknown =>
    expect.objectContaining({
      code: 'memory',
      message:
        `cpu: cannot allocate lm_head.weight, ${bytes} bytes; ${used} of the 4294967296 bytes a WebAssembly memory can ` +
        `have are in use, and ${free} in one piece are free; quantise the model, or shorten the batch`,
    })
  for (const bytes of [2 ** 30, 2 ** 32, free + 1]) {
    expect(() => device.memory.allocate(bytes, 'lm_head.weight')).toThrow(error(bytes))
  }
  expect(device.memory.liveBytes).toBe(4000 + 3 * 2 ** 30)
  device.run('fill', { out: x }, { count: 1000, value: 3 })
  expect(new Set(new Float32Array((await device.download(x)).buffer))).toEqual(new Set([3]))
  device.memory.release(device.memory.allocate(free, 'what is left'))
  device.memory.release(large)
  expect(addressOf(device.memory.allocate(2 ** 31, 'in its place'))).toBe(addressOf(large))
  device.dispose()
})
