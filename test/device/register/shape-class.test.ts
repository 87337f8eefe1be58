import { expect, it } from 'vitest'
import { shapeClass } from '../../../src/device/register/shape-class.ts'

const product = { m: 100, n: 2048, k: 2047, transA: 0, transB: 1, hasBias: 0, accumulate: 0, alpha: 1 }

it('rounds sizes up to a power of two', () => {
  expect(shapeClass('matmul', product)).toBe('matmul m=128 n=2048 k=2048 transA=0 transB=1')
  expect([0, 1, 2, 3, 4, 5, 129].map((m) => shapeClass('matmul', { ...product, m }).split(' ')[1])).toEqual(
    ['0', '1', '2', '4', '4', '8', '256'].map((m) => `m=${m}`),
  )
})

it('tells apart what makes another task, and nothing else', () => {
  const name = shapeClass('matmul', product)
  for (const same of [{ alpha: 3 }, { hasBias: 1 }, { accumulate: 1 }, { m: 65 }]) {
    expect(shapeClass('matmul', { ...product, ...same })).toBe(name)
  }
  for (const other of [{ transA: 1 }, { transB: 0 }, { m: 64 }]) {
    expect(shapeClass('matmul', { ...product, ...other })).not.toBe(name)
  }
})

it('rounds no size that programs are cut to', () => {
  const sizes = { batch: 3, heads: 32, kvHeads: 32, queries: 100, keys: 100, capacity: 100, dim: 72, scale: 0.1 }
  expect(shapeClass('attention', sizes)).toContain('batch=4 heads=32 kvHeads=32 queries=128 keys=128')
  expect(shapeClass('attention', sizes)).toContain('dim=72')
})
