import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { matmulVariants } from '../../../src/device/webgpu/programs/matmul-variants.ts'
import { requestDevice } from '../../../src/device/webgpu/adapter.ts'
import { openWebGpuDevice } from '../../../src/device/webgpu/open-webgpu-device.ts'
import { WebGpuDevice } from '../../../src/device/webgpu/webgpu-device.ts'
import { programName } from '../../../src/device/webgpu/programs/candidates.ts'
import { loadTexts } from '../../../src/device/webgpu/programs/texts.ts'
import type { Variant } from '../../../src/device/webgpu/programs/variant.ts'
import { attentionCases } from '../cases/attention.ts'
import { blockCases } from '../cases/blocks.ts'
import { fourBitCases } from '../cases/four-bit.ts'
import { matmulCases } from '../cases/matmul.ts'
import { normCases } from '../cases/norms.ts'
import { rowCases } from '../cases/rows.ts'
import { storedCases } from '../cases/stored.ts'
import { expectCase, runCase } from '../kernel-case.ts'
import { testGpu } from '../test-gpu.ts'

const products = [...matmulCases, ...fourBitCases, ...storedCases, ...blockCases].filter(({ kernel }) => {
  return kernel.startsWith('matmul')
})
const cases = [...products, ...attentionCases.filter(({ kernel }) => kernel.startsWith('attention'))]

/** The software adapter under another name, so that it takes what is chosen for hardware. */
async function openAsHardware(): Promise<WebGpuDevice> {
  const adapter = await (await testGpu()).requestAdapter()
  const hardware = { vendor: 'chips', architecture: '', device: 'a chip', description: '', subgroupMinSize: 8 }
  const texts = await loadTexts(false)
  const device = new WebGpuDevice(await requestDevice(adapter!), hardware as GPUAdapterInfo, texts)
  expect(device.isSoftware).toBe(false)
  return device
}

/** Tiles of products that are tested: the largest, which is not square either, and the smallest. */
const isTested = ({ SIDE, ROWS, COLUMNS }: Readonly<Record<string, number>>) =>
  SIDE === undefined || (SIDE === 16 && ROWS === 8 && COLUMNS === 4) || (SIDE === 8 && ROWS === 8 && COLUMNS === 8)
const onHardware = matmulVariants({ isSoftware: false, subgroupLanes: 0, hasMatrices: false })
const programs = onHardware
  .filter(({ constants }) => isTested(constants))
  .map((one) => [programName(one), one] as const)

/** Whether a program can do a call, whether or not it would be chosen for its size. */
function canDo(program: Variant, params: Readonly<Record<string, number>>): boolean {
  const { m = 0, n = 0, k = 0 } = params
  // Multiples of all that sizes have to be multiples of, so that only the size is another.
  const [wide, deep] = [65536, 1024]
  return program.takes({ ...params, m: m + wide, n: n + wide }) || program.takes({ ...params, k: k + deep })
}

describe.each(programs)('%s', (_, program) => {
  let device: WebGpuDevice
  beforeAll(async () => {
    device = await openAsHardware()
  })
  afterAll(() => device.dispose())

  it('is right in every case that it can do', async () => {
    const own = products.filter(({ kernel, params }) => kernel === program.kernel && canDo(program, params))
    expect(own.length).toBeGreaterThan(0)
    for (const one of own) {
      const run = (bindings: never) => device.runProgram(program, bindings, one.params as never)
      expectCase(one, await runCase(device, one, run), device)
    }
  })
})

describe('kernels of rows as on hardware', () => {
  let device: WebGpuDevice
  beforeAll(async () => {
    device = await openAsHardware()
  })
  afterAll(() => device.dispose())

  it.each([...normCases, ...rowCases])('$kernel $title', async (one) => {
    expectCase(one, await runCase(device, one), device)
  })
})

describe('products and attention in workgroup memory', () => {
  let device: WebGpuDevice
  beforeAll(async () => {
    device = await openWebGpuDevice(await testGpu(), { subgroups: false })
  })
  afterAll(() => device.dispose())

  it.each(cases)('$kernel $title', async (one) => {
    expectCase(one, await runCase(device, one), device)
  })
})
