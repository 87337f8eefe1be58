import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWebGpuDevice, type WebGpuDevice } from '../../src/device/webgpu.ts'
import { variantsFor } from '../../src/device/webgpu-variants.ts'
import { fourBitCases } from './cases/four-bit.ts'
import { matmulCases } from './cases/matmul.ts'
import { storedCases } from './cases/stored.ts'
import { expectCase, runCase } from './kernel-case.ts'
import { testGpu } from './test-gpu.ts'

const cases = [...matmulCases, ...fourBitCases, ...storedCases].filter(({ kernel }) => kernel.startsWith('matmul'))

/** The first variant that takes a call, by what it is called and its tile. */
function choice(kernel: string, params: Readonly<Record<string, number>>): string {
  const variant = variantsFor({ subgroupLanes: 8 }).find((one) => one.kernel === kernel && one.takes(params))
  return variant === undefined ? 'none' : `${variant.text} ${Object.values(variant.constants).join(' ')}`
}

describe('which program does a product', () => {
  const size = { m: 128, n: 2048, k: 2048, transA: 0, transB: 1 }
  const packed = { ...size, bits: 4, blockSize: 64, isNested: 1 }

  it('goes by the rows of the product', () => {
    const tiles = [1, 2, 3, 4, 5, 8, 9, 128].map((m) => choice('matmul', { ...size, n: 2047, m }).split(' ')[1])
    expect(tiles).toEqual(['1', '2', '4', '4', '8', '8', '16', '16'])
  })

  it('loads four elements at a time where all loads are whole', () => {
    expect(choice('matmul', size)).toBe('matmulBroadcastVectors 8 8 1')
    expect(choice('matmul', { ...size, transB: 0, m: 3 })).toBe('matmulBroadcastVectors 4 8 0')
    for (const odd of [
      { transA: 1 },
      { k: 2046 },
      { n: 2046 },
      { n: 16 },
      { m: 2 },
      { pitchA: 2050 },
      { pitchOut: 2050 },
    ]) {
      expect(choice('matmul', { ...size, ...odd })).toMatch(/^matmulBroadcast /)
    }
  })

  it('leaves to the twin what has words or blocks across rows', () => {
    expect(choice('matmulStored', packed)).toMatch(/^matmulStoredBroadcast .* 1$/)
    expect(choice('matmulStored', { ...packed, transB: 0 })).toMatch(/^matmulStoredBroadcast .* 0$/)
    expect(choice('matmulStored', { ...packed, k: 2080 })).toBe('none')
    expect(choice('matmulStored', { ...packed, transB: 0, n: 2052 })).toBe('none')
  })

  it('decodes 16 and 8 bits two words at a time where rows are whole words', () => {
    const stored = (bits: 8 | 16, more: object) =>
      choice('matmulStored', { ...size, bits, blockSize: 2048, isNested: 0, ...more })
    expect(stored(16, {})).toBe('matmulStoredBroadcastVectors 8 8 1 16')
    expect(stored(8, { transB: 0, m: 1 })).toBe('matmulStoredBroadcastVectors 4 8 0 8')
    expect(stored(16, { n: 2044, transB: 0, blockSize: 2044 })).toBe('matmulStoredBroadcastVectors 8 8 0 16')
    expect(stored(8, { n: 2044, transB: 0, blockSize: 2044 })).toBe('none')
    expect(stored(16, { k: 2046, blockSize: 2046 })).toBe('none')
    expect(stored(16, { pitchA: 2050 })).toBe('none')
  })

  it('leaves all to the twins where subgroups have fewer lanes', () => {
    expect(variantsFor({ subgroupLanes: 4 })).toEqual([])
  })
})

describe('products in workgroup memory', () => {
  let device: WebGpuDevice
  beforeAll(async () => {
    device = await openWebGpuDevice(await testGpu(), { subgroups: false })
  })
  afterAll(() => device.dispose())

  it.each(cases)('$kernel $title', async (one) => {
    expectCase(one, await runCase(device, one), device)
  })
})
