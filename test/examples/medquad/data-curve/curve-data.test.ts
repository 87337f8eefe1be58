import { describe, expect, it } from 'vitest'
import { Random } from '../../../../src/core/random.ts'
import type { MedquadPair } from '../../../../examples/medquad/data/medquad-pair.ts'
import { splitByDisease } from '../../../../examples/medquad/data/split-medquad.ts'
import { digestOfPairs } from '../../../../examples/medquad/experiments/data-curve/records.ts'
import { holdOut, nestedSubsets } from '../../../../examples/medquad/experiments/data-curve/subsets.ts'
import { sharedKeys } from '../shared-keys.ts'

const random = new Random(1)
/** 300 diseases of one to nine pairs, of which every fifth shares a CUI with the one before. */
const pairs = Array.from({ length: 300 }, (_, disease) => {
  return Array.from({ length: 1 + random.below(9) }, (_, i): MedquadPair => ({
    ...{ id: `${disease}#${i}`, collection: 'c', qid: '', url: '', source: '', semanticTypes: [], semanticGroups: [] },
    qtype: 'symptoms',
    ...{ focus: `Disease ${disease}`, cui: disease % 5 === 0 ? [`C${disease}`, `C${disease - 1}`] : [`C${disease}`] },
    ...{ question: `What is ${disease}, ${i}?`, answer: 'An illness.' },
  }))
}).flat()
const split = splitByDisease(pairs, { validation: 0.1, test: 0.2 })
const most = { measured: 120, validation: 30 }

describe('what a curve is measured on', () => {
  const { pool, validation, measured } = holdOut(split, most)

  it('comes from the test part alone, and no disease is on two sides', () => {
    expect(measured.length).toBeGreaterThan(110)
    expect(measured.length).toBeLessThanOrEqual(120)
    expect(validation.length).toBeLessThanOrEqual(30)
    const test = new Set(split.test)
    expect([...measured, ...validation].every((pair) => test.has(pair))).toBe(true)
    expect(new Set([...pool, ...validation, ...measured]).size).toBe(pairs.length)
    for (const [a, b] of [
      [pool, validation],
      [pool, measured],
      [validation, measured],
    ] as const) {
      expect(sharedKeys(a, b)).toEqual([])
    }
  })

  it('is refused where no disease fits', () => {
    const few = { ...split, test: split.test.slice(0, 1) }
    expect(() => holdOut(few, most)).toThrow(
      '1 held-out diseases do not give 120 pairs to measure on and 30 to stop by',
    )
  })
})

describe('subsets by whole diseases', () => {
  const sizes = [400, 50, 200, 1000]
  const subsets = nestedSubsets(pairs, sizes, 3)

  it('have the sizes that were asked for, each within the next', () => {
    const [least, small, middle, most] = [50, 200, 400, 1000].map((size) => new Set(subsets.get(size)))
    expect([least, small, middle, most].map((set) => set?.size)).toEqual([50, 200, 400, 1000])
    for (const [inner, outer] of [
      [least, small],
      [small, middle],
      [middle, most],
    ] as const) {
      expect([...inner!].every((pair) => outer!.has(pair))).toBe(true)
    }
  })

  it('have all pairs of a disease or none', () => {
    const countsOf = (some: readonly MedquadPair[]) => {
      const counts = new Map<string, number>()
      for (const { focus } of some) counts.set(focus, (counts.get(focus) ?? 0) + 1)
      return counts
    }
    const whole = countsOf(pairs)
    for (const subset of subsets.values()) {
      expect([...countsOf(subset)].every(([focus, number]) => whole.get(focus) === number)).toBe(true)
    }
  })

  it('are the same for a seed, and others for another', () => {
    const digests = (seed: number) => [...nestedSubsets(pairs, sizes, seed).values()].map(digestOfPairs)
    expect(digests(3)).toEqual([...subsets.values()].map(digestOfPairs))
    expect(digests(4)).not.toEqual(digests(3))
  })

  it('are refused beyond what there is', () => {
    expect(() => nestedSubsets(pairs, [50, 5000], 0)).toThrow(`there are ${pairs.length} pairs to draw from, and 5000`)
  })
})
