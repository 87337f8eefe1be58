import { describe, expect, it } from 'vitest'
import { PythonRandom } from '../../../src/core/python/random.ts'

const range = (n: number) => Array.from({ length: n }, (_, i) => i)

describe('PythonRandom', () => {
  it('draws what Python’s random.Random(seed).sample draws, one after the other', () => {
    const random = new PythonRandom(1234)
    expect(random.sample(range(10), 3)).toEqual([7, 1, 0])
    expect(random.sample(range(450), 5)).toEqual([46, 413, 298, 17, 343])
    expect(random.sample(range(40), 8)).toEqual([5, 6, 22, 15, 1, 35, 34, 37])
    expect(random.sample(range(10178), 5)).toEqual([7933, 10089, 7594, 2433, 1495])
    expect(new PythonRandom(2 ** 40 + 7).sample(range(100), 6)).toEqual([78, 95, 81, 73, 90, 60])
  })

  it('draws all, none, and not more than there are', () => {
    expect(new PythonRandom(0).sample(range(5), 0)).toEqual([])
    expect(new PythonRandom(-3).sample(range(5), 5).toSorted()).toEqual(range(5))
    expect(() => new PythonRandom(0).sample(range(5), 6)).toThrow('cannot draw 6 of 5')
    expect(() => new PythonRandom(0.5)).toThrow('whole number')
  })
})
