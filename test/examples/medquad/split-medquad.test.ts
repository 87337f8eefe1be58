import { describe, expect, it } from 'vitest'
import type { MedquadPair } from '../../../examples/medquad/data/medquad-pair.ts'
import { groupByDisease, splitByDisease } from '../../../examples/medquad/data/split-medquad.ts'
import { pairWith } from './medquad-files.ts'
import { sharedKeys } from './shared-keys.ts'

/** 400 diseases of 1 to 5 pairs; every third also goes by a second focus in capitals that only a CUI ties to it. */
const diseases = (from: number, to: number): MedquadPair[] =>
  Array.from({ length: to - from }, (_, index) => index + from).flatMap((disease) =>
    Array.from({ length: 1 + (disease % 5) }, (_, pid) => {
      const focus =
        pid === 1 && disease % 3 === 0 ? `ALSO ${disease}` : pid % 2 === 0 ? `Disease ${disease}` : `DISEASE ${disease}`
      const cui = disease % 7 === 0 ? [] : [`C${disease}`, ...(pid === 0 ? [`C${disease}x`] : [])]
      return pairWith({ id: `c/${disease}#${pid}`, focus, cui, question: `What (${pid}) of ${focus}?` })
    }),
  )
const pairs = diseases(0, 400)

describe('splitByDisease', () => {
  it('keeps every pair, in order, and shares no CUI, focus or question between parts', () => {
    const { train, validation, test } = splitByDisease(pairs)
    expect([...train, ...validation, ...test].map((pair) => pair.id).sort()).toEqual(
      pairs.map((pair) => pair.id).sort(),
    )
    expect(train).toEqual(pairs.filter((pair) => train.includes(pair)))
    expect(sharedKeys(train, validation)).toEqual([])
    expect(sharedKeys(train, test)).toEqual([])
    expect(sharedKeys(validation, test)).toEqual([])
  })

  it('holds out about the shares asked for', () => {
    const { train, validation, test } = splitByDisease(pairs, { validation: 0.1, test: 0.2 })
    expect(train.length / pairs.length).toBeCloseTo(0.7, 1)
    expect(validation.length / pairs.length).toBeCloseTo(0.1, 1)
    expect(test.length / pairs.length).toBeCloseTo(0.2, 1)
    expect(splitByDisease(pairs, { validation: 0, test: 0 }).train).toEqual(pairs)
  })

  it('is one split for a seed, whatever the order, and another for another', () => {
    const ids = (rows: MedquadPair[]): string[] => rows.map((pair) => pair.id).sort()
    const first = ids(splitByDisease(pairs, { seed: 3 }).test)
    expect(ids(splitByDisease([...pairs].reverse(), { seed: 3 }).test)).toEqual(first)
    expect(ids(splitByDisease(pairs, { seed: 4 }).test)).not.toEqual(first)
  })

  it('leaves every row where it was as diseases are added', () => {
    const [before, after] = [splitByDisease(pairs), splitByDisease([...diseases(400, 600), ...pairs])]
    const old = new Set(pairs)
    for (const part of ['train', 'validation', 'test'] as const) {
      expect(after[part].filter((pair) => old.has(pair))).toEqual(before[part])
    }
  })

  it('follows chains: a shares a CUI with b, b a focus with c, c a question with d', () => {
    const chain = [
      pairWith({ id: 'a', focus: 'one', cui: ['C1'], question: 'A?' }),
      pairWith({ id: 'c', focus: 'Two', question: 'Same?' }),
      pairWith({ id: 'd', focus: 'three', question: 'SAME?' }),
      pairWith({ id: 'b', focus: 'TWO', cui: ['C9', 'C1'], question: 'B?' }),
      pairWith({ id: 'e', focus: 'four', question: 'E?' }),
    ]
    expect([...groupByDisease(chain)].map(([key, rows]) => [key, rows.map((pair) => pair.id)])).toEqual([
      ['cui:C1', ['a', 'c', 'd', 'b']],
      ['focus:four', ['e']],
    ])
  })

  it('takes the page for the disease where there is no focus', () => {
    const page = [1, 2].map((pid) => pairWith({ question: `${pid}?`, url: 'https://example.org/page' }))
    const plain = [1, 2].map((pid) => pairWith({ question: `plain ${pid}?` }))
    expect([...groupByDisease([...page, ...plain]).values()].map((rows) => rows.length)).toEqual([2, 1, 1])
  })

  it('trains on a disease too large to hold out', () => {
    const large = Array.from({ length: 300 }, (_, pid) =>
      pairWith({ id: `l/1#${pid}`, cui: ['C-large'], question: `${pid}?` }),
    )
    for (const seed of [0, 1, 2, 3, 4, 5]) {
      const { train } = splitByDisease([...pairs, ...large], { seed, validation: 0.4, test: 0.4 })
      expect(train.filter((pair) => pair.cui[0] === 'C-large').length).toBe(300)
    }
  })

  it('gives each part a disease of a few, and leaves one or two to training', () => {
    const few = (count: number): MedquadPair[] =>
      Array.from({ length: count }, (_, n) => pairWith({ focus: `f${n}`, question: `${n}?` }))
    const sizes = (count: number): number[] => {
      const { train, validation, test } = splitByDisease(few(count))
      return [train.length, validation.length, test.length]
    }
    expect(sizes(3)).toEqual([1, 1, 1])
    expect(sizes(12)[0]).toBeGreaterThanOrEqual(8)
    expect(sizes(12)[1]).toBeGreaterThanOrEqual(1)
    expect(sizes(12)[2]).toBeGreaterThanOrEqual(1)
    const five = few(5).flatMap((pair) => [pair, { ...pair }, { ...pair }])
    const { train, validation, test } = splitByDisease(five)
    expect([train.length, validation.length, test.length]).toEqual([9, 3, 3])
    expect(splitByDisease([])).toEqual({ train: [], validation: [], test: [] })
  })

  it('refuses shares that leave no training', () => {
    expect(() => splitByDisease(pairs, { validation: 0.5, test: 0.5 })).toThrow(
      'medquad: shares held out must be 0 or more and under 1 in all, got 0.5 and 0.5',
    )
    expect(() => splitByDisease(pairs, { validation: Number.NaN })).toThrow('got NaN and 0.05')
  })
})
