import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { kernels } from '../../src/device/register/kernels.ts'
import { openDevice } from '../../src/device/open-device.ts'
import { selfTest } from '../../src/device/self-test/self-test.ts'
import { selfTestCases } from '../../src/device/self-test/cases.ts'
import { programName, programsFor } from '../../src/device/webgpu/programs/candidates.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import type * as SelfTestCases from '../../src/device/self-test/cases.ts'
import { testGpu } from './test-gpu.ts'

/** Kernels that are tested; null: all. Software adapters take their time to compile programs. */
let only: readonly string[] | null = null
vi.mock('../../src/device/self-test/cases.ts', async (importOriginal) => {
  const { selfTestCases: all } = await importOriginal<typeof SelfTestCases>()
  return { selfTestCases: () => all().filter(({ kernel }) => only === null || only.includes(kernel)) }
})
afterEach(() => {
  only = null
})

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

/** The adapter of the tests, which gets programs wrong: as what it is, or as a hardware adapter of some name. */
async function sabotaged(device: string | null, sabotage: (code: string) => string): Promise<GPU> {
  const real = await testGpu()
  return {
    requestAdapter: async () => {
      const adapter = await real.requestAdapter()
      if (adapter === null) return null
      return {
        info: device === null ? adapter.info : { vendor: 'acme', architecture: 'one', device, description: '' },
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

/** GELU that is off by a hundredth. */
const wrongGelu = (text: string) =>
  text.replace('value * normal(value, density)', 'value * normal(1.02 * value, density)')

const everyAdapter = [true, false].flatMap((isSoftware) =>
  [0, 8, 32].map((subgroupLanes) => ({ isSoftware, subgroupLanes, hasMatrices: subgroupLanes === 32 && !isSoftware })),
)

describe('cases', () => {
  it('run every program that any adapter may choose', () => {
    const cases = selfTestCases()
    for (const traits of everyAdapter) {
      const programs = [...programsFor(traits).values()].flat()
      const idle = programs.filter(
        (one) => !cases.some(({ kernel, params }) => kernel === one.kernel && one.takes(params)),
      )
      expect(idle.map(programName)).toEqual([])
    }
  })

  it('hold the same numbers each time', () => {
    // All are drawn from one stream, one after another.
    const [one, two] = [1, 2].map(() => selfTestCases().at(-1))
    expect(one).toEqual(two)
  })
})

describe('selfTest', () => {
  it('passes on the CPU engine', async () => {
    const device = await openCpuDevice({ threads: 2 })
    const { failures, programs } = await selfTest(device)
    expect([failures, programs]).toEqual([[], Object.keys(kernels).length])
    device.dispose()
  })

  it('names each program that is wrong, does not compile or gives no numbers, and says how far off it is', async () => {
    only = ['gelu', 'layerNorm', 'sum', 'sumRows']
    const breakThree = (text: string) => {
      if (text.includes('var value = params.alpha * total;')) return text.replace('fn main(', 'fn start(')
      return wrongGelu(text).replace('let rstd = 1.0 / sqrt(', 'let rstd = 1.0 / (0.0 * params.eps) * sqrt(')
    }
    const device = await openWebGpuDevice(await sabotaged(null, breakThree))
    const { failures } = await selfTest(device)
    const found = new Map(failures.map(({ program, reason }) => [program.split(' ')[0], reason]))
    expect([...found.keys()].sort()).toEqual(['gelu', 'layerNorm', 'layerNormVectors', 'sum'])
    expect(failures.filter(({ isTwin }) => isTwin).map(({ kernel }) => kernel)).toEqual(['sum', 'layerNorm', 'gelu'])
    expect(found.get('gelu')).toMatch(
      /^gives out\[\d+\] = -?[\d.]+ instead of -?[\d.]+, off by 0\.0\d+ where 0\.000\d+ is allowed \(count \d+\)$/,
    )
    for (const name of ['layerNorm', 'layerNormVectors']) {
      expect(found.get(name)).toMatch(/^gives \w+\[\d+\] = (NaN|-?Infinity) instead of /)
    }
    expect(found.get('sum')).toMatch(/^does not compile \(.*main.*\)$/s)
    await device.settle()
    device.dispose()
  })
})

describe('a hardware adapter', () => {
  it('gives way to the CPU engine when it gets a kernel wrong', async () => {
    only = ['gelu', 'sum']
    const { device, reason } = await openDevice({ gpu: await sabotaged('wrong gelu', wrongGelu) })
    expect(device.kind).toBe('cpu')
    expect(reason).toMatch(
      /^the CPU engine, because webgpu: kernel gelu fails the self-test, it gives out\[\d\] = .* off by .* on WebGPU on wrong gelu \(acme, one\); use \{ device: 'cpu' \}/,
    )
    device.dispose()
  })

  it('is tested once, and then remembered', async () => {
    only = ['gelu', 'sum']
    ;(await openWebGpuDevice(await sabotaged('right', (code) => code))).dispose()
    // What goes wrong later is not looked for: it is the same adapter, driver and version.
    ;(await openWebGpuDevice(await sabotaged('right', wrongGelu))).dispose()
  })
})
