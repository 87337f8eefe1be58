import { describe, expect, it } from 'vitest'
import { candidatesFor, isTwin } from '../../../src/device/webgpu/programs/candidates.ts'
import type { KernelName } from '../../../src/device/register/kernels.ts'
import type { AdapterTraits } from '../../../src/device/webgpu/programs/variant.ts'
import { variantsFor } from '../../../src/device/webgpu/programs/variants.ts'

const llvmpipe = { isSoftware: true, subgroupLanes: 8, hasMatrices: false }
const swiftshader = { ...llvmpipe, subgroupLanes: 4 }
const laptop = { isSoftware: false, subgroupLanes: 32, hasMatrices: false }

/** The best guess for a call, by what it is called and its constants; the twin is none. */
function choice(kernel: string, params: Readonly<Record<string, number>>, traits: AdapterTraits = llvmpipe): string {
  const [variant] = candidatesFor(traits)(kernel as KernelName, params)
  return variant === undefined || isTwin(variant)
    ? 'none'
    : `${variant.text} ${Object.values(variant.constants).join(' ')}`
}

describe('which program does a product', () => {
  const size = { m: 128, n: 2048, k: 2048, pitchA: 2048, pitchOut: 2048, transA: 0, transB: 1 }
  const packed = { ...size, bits: 4, isBf16: 0, blockSize: 64, scaling: 1 }

  it('goes by the rows of the product', () => {
    const tiles = [1, 2, 3, 4, 5, 8, 9, 128].map((m) => choice('matmul', { ...size, n: 2047, m }).split(' ')[1])
    expect(tiles).toEqual(['1', '2', '4', '4', '8', '8', '16', '16'])
  })

  it('loads four elements at a time where all loads are whole', () => {
    expect(choice('matmul', size)).toBe('matmulBroadcastVectors 16 8 1')
    expect(choice('matmul', { ...size, transB: 0, m: 3 })).toBe('matmulBroadcastVectors 4 8 0')
    for (const odd of [{ transA: 1 }, { k: 2046 }, { n: 2046 }, { n: 16 }, { pitchA: 2050 }, { pitchOut: 2050 }]) {
      expect(choice('matmul', { ...size, ...odd })).toMatch(/^matmulBroadcast /)
    }
  })

  it('takes columns of a weight’s gradient sixteen at a time', () => {
    const gradient = { ...size, m: 1536, n: 512, k: 128, pitchA: 1536, pitchOut: 512, transA: 1, transB: 0 }
    expect(choice('matmul', gradient)).toBe('matmulBroadcastColumns 16 8')
    expect(choice('matmul', { ...gradient, n: 8, pitchOut: 8 })).toBe('matmulBroadcastColumns 8 8')
    for (const odd of [{ m: 1534 }, { n: 510 }, { m: 16 }]) {
      expect(choice('matmul', { ...gradient, ...odd })).toMatch(/^matmulBroadcast /)
    }
  })

  it('leaves to the twin what has words or blocks across rows', () => {
    expect(choice('matmulStored', packed)).toBe('matmulStoredBroadcast 16 8 1 4 0 0')
    expect(choice('matmulStored', { ...packed, transB: 0 })).toBe('matmulStoredBroadcast 16 8 0 4 0 0')
    const half = { ...packed, bits: 16, blockSize: 2048, transB: 0 }
    expect(choice('matmulStored', half)).toBe('matmulStoredBroadcast 16 8 0 16 0 0')
    expect(choice('matmulStored', { ...half, isBf16: 1 })).toBe('matmulStoredBroadcast 16 8 0 16 1 0')
    expect(choice('matmulStored', { ...packed, k: 2080 })).toBe('none')
    expect(choice('matmulStored', { ...packed, transB: 0, n: 2080 })).toBe('none')
    expect(choice('matmulStored', { ...packed, bits: 8, n: 2046 })).toBe('none')
  })

  it('leaves all to the twins on software whose subgroups have fewer lanes', () => {
    expect(variantsFor(swiftshader).filter(({ kernel }) => kernel.startsWith('matmul'))).toEqual([])
  })

  it('takes the largest tile on hardware that makes enough workgroups', () => {
    expect(choice('matmul', { ...size, m: 2048 }, laptop)).toBe('matmulTile 16 2 8 8 0 1')
    expect(choice('matmul', size, laptop)).toBe('matmulTile 16 4 4 4 0 1')
    expect(choice('matmul', { ...size, m: 16, transB: 0 }, laptop)).toBe('matmulTile 8 4 8 4 0 0')
    expect(choice('matmulStored', packed, laptop)).toBe('matmulStoredTile 16 4 4 4 1 4 0 0')
    expect(choice('matmul', { ...size, k: 2046 }, laptop)).toBe('none')
  })

  it('cuts few rows or columns along k on hardware', () => {
    expect(choice('matmulStored', { ...packed, m: 1 }, laptop)).toBe('matmulStoredSplit 64 1 1 4 0 0')
    expect(choice('matmul', { ...size, n: 16 }, laptop)).toBe('matmulSplit 64 4 1')
    expect(choice('matmul', { ...size, n: 16, k: 128 }, laptop)).toMatch(/^matmulTile /)
  })

  it('measures rows for DoRA by broadcasts on llvmpipe, where steps of r fit its registers', () => {
    const norms = { rows: 2048, dim: 2048, r: 16, bits: 4, isBf16: 0, blockSize: 64 }
    expect(choice('updatedNorms', norms)).toBe('updatedNormsBroadcast 8 16 4 0 0')
    expect(choice('updatedNorms', { ...norms, r: 17, bits: 32 })).toBe('updatedNormsBroadcast 8 32 32 0 0')
    for (const odd of [{ r: 65 }, { dim: 2080 }, { dim: 2044, bits: 32 }]) {
      expect(choice('updatedNorms', { ...norms, ...odd })).toBe('none')
    }
    expect(choice('updatedNorms', norms, laptop)).toBe('none')
  })

  it('prefers subgroup matrices where there are any', () => {
    const apple = { ...laptop, hasMatrices: true }
    expect(choice('matmul', size, apple)).toBe('matmulSubgroupMatrix ')
    expect(choice('matmulStored', { ...packed, transB: 0 }, apple)).toBe('matmulStoredSubgroupMatrix 0 4 0 0')
    expect(choice('matmul', { ...size, m: 4 }, apple)).toMatch(/^matmulSplit /)
  })
})

describe('which program does a kernel of rows', () => {
  const choices = (kernel: string, params: Readonly<Record<string, number>>) =>
    [false, true].map((isSoftware) => {
      const variant = variantsFor({ subgroupLanes: 0, isSoftware, hasMatrices: false }).find(
        (one) => one.kernel === kernel && one.takes(params),
      )
      return variant && [variant.text, variant.constants['LANES'], variant.groups(params)]
    })

  it('goes by the length of a row and the adapter', () => {
    expect(choices('addLayerNorm', { rows: 3, dim: 512 })).toEqual([
      ['addLayerNormVectors', 64, [3, 1, 1]],
      ['addLayerNormVectors', 8, [3, 1, 1]],
    ])
    expect(choices('crossEntropy', { rows: 7, vocab: 50304 })).toEqual([
      ['crossEntropyVectors', 256, [7, 1, 1]],
      ['crossEntropyVectors', 8, [7, 1, 1]],
    ])
    expect(choices('layerNorm', { rows: 3, dim: 510 })).toEqual([undefined, undefined])
  })
})

describe('which program does attention', () => {
  const sizes = { batch: 1, heads: 8, kvHeads: 8, queries: 128, keys: 128, capacity: 128, dim: 64 }
  const kernels = ['attention', 'attentionBackwardQuery', 'attentionBackwardKey']

  it('goes by the channels of a head, and by queries', () => {
    for (const kernel of kernels) {
      expect(choice(kernel, sizes)).toBe(`${kernel}Broadcast 4 2 8`)
      expect(choice(kernel, { ...sizes, dim: 68 })).toBe(`${kernel}Broadcast 4 4 8`)
      expect(choice(kernel, sizes, swiftshader)).toBe(`${kernel}Tiles 8 4 2 1`)
      expect(choice(kernel, { ...sizes, dim: 128 }, swiftshader)).toBe(`${kernel}Tiles 8 4 4 1`)
    }
    expect(choice('attention', { ...sizes, queries: 1 })).toBe('attentionBroadcast 1 2 8')
  })

  it('takes heads of up to 256 channels, as Gemma has them', () => {
    for (const dim of [132, 256]) {
      for (const kernel of kernels) {
        expect(choice(kernel, { ...sizes, dim })).toBe(`${kernel}Broadcast 2 8 8`)
        expect(choice(kernel, { ...sizes, dim }, swiftshader)).toBe(`${kernel}Tiles 8 4 4 2`)
        expect(choice(kernel, { ...sizes, dim }, laptop)).toBe(`${kernel}Tiles 8 4 4 2`)
      }
      expect(choice('attention', { ...sizes, dim, queries: 1 })).toBe('attentionBroadcast 1 8 8')
    }
  })

  it('is the twin in software where rows of wide heads leave tiles empty, and is guessed on hardware', () => {
    const own = (queries: number, keys: number, adapter: AdapterTraits) =>
      kernels.filter((kernel) => choice(kernel, { ...sizes, queries, keys, dim: 256 }, adapter) !== 'none')
    expect(own(64, 96, swiftshader)).toEqual(kernels)
    expect(own(80, 80, swiftshader)).toEqual(['attention', 'attentionBackwardQuery'])
    expect(own(40, 60, swiftshader)).toEqual(['attention', 'attentionBackwardQuery'])
    expect(own(40, 40, swiftshader)).toEqual(['attention'])
    expect(own(33, 33, swiftshader)).toEqual([])
    expect(own(33, 33, laptop)).toEqual(kernels)
    expect(own(33, 33, llvmpipe)).toEqual(kernels)
  })

  it('times no program for wide heads where heads are narrow', () => {
    for (const kernel of kernels) {
      const able = candidatesFor(laptop)(kernel as KernelName, { ...sizes, dim: 128 })
      expect(able.map(({ constants }) => constants['HALVES'])).toEqual([1, undefined])
    }
  })

  it('has two workgroups for each block of queries, or keys, of a wide head', () => {
    for (const kernel of kernels) {
      const [narrow, wide] = [128, 256].map((dim) => {
        const [program] = candidatesFor(laptop)(kernel as KernelName, { ...sizes, dim })
        return program?.groups({ ...sizes, dim })
      })
      expect([narrow, wide]).toEqual([
        [32, 1, 1],
        [64, 1, 1],
      ])
    }
  })

  it('is the twin for odd or wide heads, and for few queries on other adapters', () => {
    for (const kernel of kernels) {
      for (const adapter of [swiftshader, llvmpipe]) {
        expect(choice(kernel, { ...sizes, dim: 66 }, adapter)).toBe('none')
        expect(choice(kernel, { ...sizes, dim: 260 }, adapter)).toBe('none')
      }
      expect(choice(kernel, { ...sizes, queries: 15 }, swiftshader)).toBe('none')
    }
  })
})
