import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashText } from '../../src/core/hash.ts'
import { openCpuDevice } from '../../src/device/cpu.ts'
import { kernels } from '../../src/device/kernels.ts'
import { openDevice } from '../../src/device/open-device.ts'
import { selfTest } from '../../src/device/self-test.ts'
import { selfTestCases } from '../../src/device/self-test-cases.ts'
import { programName, programsFor } from '../../src/device/webgpu-candidates.ts'
import { openWebGpuDevice } from '../../src/device/webgpu.ts'
import { testGpu } from './test-gpu.ts'

let folder: string
const home = process.env['XDG_CACHE_HOME']
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'self-test-'))
  process.env['XDG_CACHE_HOME'] = folder
})
afterAll(async () => {
  if (home === undefined) delete process.env['XDG_CACHE_HOME']
  else process.env['XDG_CACHE_HOME'] = home
  await rm(folder, { recursive: true })
})

/** The adapter of the tests, as a hardware adapter that gets programs wrong. Another name is another adapter. */
async function sabotaged(device: string, sabotage: (code: string) => string): Promise<GPU> {
  const real = await testGpu()
  return {
    requestAdapter: async () => {
      const adapter = await real.requestAdapter()
      if (adapter === null) return null
      return {
        info: { vendor: 'acme', architecture: 'one', device, description: '' },
        features: adapter.features,
        limits: adapter.limits,
        requestDevice: async (descriptor: GPUDeviceDescriptor) => {
          const gpu = await adapter.requestDevice(descriptor)
          const create = gpu.createShaderModule.bind(gpu)
          gpu.createShaderModule = (module) => create({ ...module, code: sabotage(module.code) })
          return gpu
        },
      }
    },
  } as unknown as GPU
}

/** GELU with tanh in the place of erf: what a careless compiler might take for the same. */
const wrongGelu = (text: string) =>
  text.replace('out[i] = 0.5 * x[i] * (1.0 + erf(', 'out[i] = 0.5 * x[i] * (1.0 + tanh(')

const adapters = [true, false].flatMap((isSoftware) =>
  [0, 8, 32].map((subgroupLanes) => ({ isSoftware, subgroupLanes, hasMatrices: subgroupLanes === 32 && !isSoftware })),
)

describe('cases', () => {
  it('run every program that any adapter may choose', () => {
    const cases = selfTestCases()
    for (const traits of adapters) {
      const programs = [...programsFor(traits).values()].flat()
      const idle = programs.filter(
        (one) => !cases.some(({ kernel, params }) => kernel === one.kernel && one.takes(params)),
      )
      expect(idle.map(programName)).toEqual([])
    }
  })

  it('hold the same numbers each time', () => {
    const [one, two] = [1, 2].map(() => hashText(JSON.stringify(selfTestCases())))
    expect(one).toBe(two)
  })
})

describe('selfTest', () => {
  it('passes on this adapter with all of its programs, and leaves nothing behind', async () => {
    const device = await openWebGpuDevice(await testGpu())
    const report = await selfTest(device)
    expect(report.failures).toEqual([])
    expect(report.programs).toBe([...device.programs.all.values()].flat().length)
    expect(report.calls).toBeGreaterThan(report.programs)
    expect(device.memory.liveBytes).toBe(0)
    expect(device.tuning).toEqual({})
    await device.settle()
    device.dispose()
  })

  it('passes on the CPU engine', async () => {
    const device = await openCpuDevice({ threads: 2 })
    const { failures, programs } = await selfTest(device)
    expect([failures, programs]).toEqual([[], Object.keys(kernels).length])
    device.dispose()
  })

  it('names each program that is wrong, does not compile or gives no numbers, and says how far off it is', async () => {
    const breakThree = (text: string) => {
      if (text.includes('A workgroup of SIDE')) return text.replace('fn main(', 'fn main_of_another_file(')
      return wrongGelu(text).replace('1.0 / sqrt(', '1.0 / (0.0 * params.eps) * sqrt(')
    }
    const gpu = await sabotaged('three', breakThree)
    const device = await openWebGpuDevice(gpu, { selfTest: false })
    const { failures } = await selfTest(device)
    const found = new Map(failures.map(({ kernel, reason }) => [kernel, reason]))
    expect([...found.keys()].sort()).toEqual(['gelu', 'layerNorm', 'matmul'])
    expect(failures.every(({ isTwin, program, kernel }) => isTwin && program.startsWith(kernel))).toBe(true)
    expect(found.get('gelu')).toMatch(
      /^gives out\[\d+\] = -?[\d.]+ instead of -?[\d.]+, off by 0\.0\d+ where 0\.000\d+ is allowed \(count 3\)$/,
    )
    expect(found.get('layerNorm')).toMatch(/^gives \w+\[0\] = (NaN|-?Infinity) instead of /)
    expect(found.get('matmul')).toMatch(/^does not compile \(.*main.*\)$/s)
    device.dispose()
  })
})

describe('a hardware adapter', () => {
  it('gives way to the CPU engine when it gets a kernel wrong', async () => {
    const { device, reason } = await openDevice({ gpu: await sabotaged('wrong gelu', wrongGelu) })
    expect(device.kind).toBe('cpu')
    expect(reason).toMatch(
      /^the CPU engine, because webgpu: kernel gelu fails the self-test, it gives out\[\d\] = .* off by .* on WebGPU on wrong gelu \(acme, one\); use \{ device: 'cpu' \}/,
    )
    device.dispose()
  })

  it('is tested once, and then remembered', async () => {
    ;(await openWebGpuDevice(await sabotaged('right', (code) => code))).dispose()
    // What goes wrong later is not looked for: it is the same adapter, driver and version.
    ;(await openWebGpuDevice(await sabotaged('right', wrongGelu))).dispose()
  })
})
