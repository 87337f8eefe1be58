import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWebGpuDevice, type WebGpuDevice } from '../../src/device/webgpu.ts'
import { variantsFor } from '../../src/device/webgpu-variants.ts'
import { attentionCases } from './cases/attention.ts'
import { fourBitCases } from './cases/four-bit.ts'
import { matmulCases } from './cases/matmul.ts'
import { expectCase, runCase } from './kernel-case.ts'
import { testGpu } from './test-gpu.ts'

const cases = [
  ...[...matmulCases, ...fourBitCases].filter(({ kernel }) => kernel.startsWith('matmul')),
  ...attentionCases.filter(({ kernel }) => kernel.startsWith('attention')),
]

/** The first variant that takes a call, by what it is called and its tile. */
function choice(kernel: string, params: Readonly<Record<string, number>>, subgroupLanes = 8): string {
  const variant = variantsFor({ subgroupLanes }).find((one) => one.kernel === kernel && one.takes(params))
  return variant === undefined ? 'none' : `${variant.text} ${Object.values(variant.constants).join(' ')}`
}

describe('which program does a product', () => {
  const size = { m: 128, n: 2048, k: 2048, transA: 0, transB: 1 }
  const packed = { ...size, blockSize: 64, isNested: 1 }

  it('goes by the rows of the product', () => {
    const tiles = [1, 2, 3, 4, 5, 8, 9, 128].map((m) => choice('matmul', { ...size, n: 2047, m }).split(' ')[1])
    expect(tiles).toEqual(['1', '2', '4', '4', '8', '8', '16', '16'])
  })

  it('loads four elements at a time where all loads are whole', () => {
    expect(choice('matmul', size)).toBe('matmulBroadcastVectors 8 8 1')
    expect(choice('matmul', { ...size, transB: 0, m: 3 })).toBe('matmulBroadcastVectors 4 8 0')
    for (const odd of [{ transA: 1 }, { k: 2046 }, { n: 2046 }, { n: 16 }, { m: 2 }]) {
      expect(choice('matmul', { ...size, ...odd })).toMatch(/^matmulBroadcast /)
    }
  })

  it('leaves to the twin what has words or blocks across rows', () => {
    expect(choice('matmulFourBit', packed)).toMatch(/^matmulFourBitBroadcast .* 1$/)
    expect(choice('matmulFourBit', { ...packed, transB: 0 })).toMatch(/^matmulFourBitBroadcast .* 0$/)
    expect(choice('matmulFourBit', { ...packed, k: 2080 })).toBe('none')
    expect(choice('matmulFourBit', { ...packed, transB: 0, n: 2052 })).toBe('none')
  })

  it('leaves all to the twins where subgroups have fewer lanes', () => {
    expect(variantsFor({ subgroupLanes: 4 }).filter(({ kernel }) => kernel.startsWith('matmul'))).toEqual([])
  })
})

describe('which program does attention', () => {
  const sizes = { batch: 1, heads: 8, kvHeads: 8, queries: 128, keys: 128, capacity: 128, dim: 64 }
  const kernels = ['attention', 'attentionBackwardQuery', 'attentionBackwardKey']

  it('goes by the channels of a head, and by queries', () => {
    for (const kernel of kernels) {
      expect(choice(kernel, sizes)).toBe(`${kernel}Broadcast 4 2 8`)
      expect(choice(kernel, { ...sizes, dim: 68 })).toBe(`${kernel}Broadcast 4 4 8`)
      expect(choice(kernel, sizes, 4)).toBe(`${kernel}Tiles 8 4 2`)
      expect(choice(kernel, { ...sizes, dim: 128 }, 4)).toBe(`${kernel}Tiles 8 4 4`)
    }
    expect(choice('attention', { ...sizes, queries: 1 })).toBe('attentionBroadcast 1 2 8')
  })

  it('is the twin for odd or wide heads, and for few queries on other adapters', () => {
    for (const kernel of kernels) {
      for (const lanes of [4, 8]) {
        expect(choice(kernel, { ...sizes, dim: 66 }, lanes)).toBe('none')
        expect(choice(kernel, { ...sizes, dim: 132 }, lanes)).toBe('none')
      }
      expect(choice(kernel, { ...sizes, queries: 15 }, 4)).toBe('none')
    }
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
