import { describe, expect, it } from 'vitest'
import { splitDataset, type SplitOptions } from '../../src/data/split-dataset.ts'
import type { Row } from '../../src/data/dataset.ts'

const rows = Array.from({ length: 3000 }, (_, i) => ({ disease: `disease ${i % 1000}`, question: `question ${i}` }))

async function split<R extends Row>(given: R[], options: SplitOptions<R>): Promise<{ train: R[]; test: R[] }> {
  const parts = splitDataset(given, options)
  const all = async (part: AsyncIterable<R>) => {
    const list: R[] = []
    for await (const row of part) list.push(row)
    return list
  }
  return { train: await all(parts.train), test: await all(parts.test) }
}

const diseases = (some: readonly { disease: string }[]) => new Set(some.map(({ disease }) => disease))

describe('splitDataset', () => {
  it('keeps the rows of a key on one side, and loses none', async () => {
    const { train, test } = await split(rows, { by: 'disease', fraction: 0.2 })
    expect(train.length + test.length).toBe(3000)
    expect([...diseases(test)].filter((disease) => diseases(train).has(disease))).toEqual([])
    // Four standard deviations of 1000 draws.
    expect(Math.abs(diseases(test).size - 200)).toBeLessThan(51)
    expect(await split(rows, { by: (row) => row.disease, fraction: 0.2 })).toEqual({ train, test })
  })

  it('hangs on the key and the seed alone', async () => {
    const { test } = await split(rows, { by: 'disease' })
    const mixed = await split(rows.slice(500).toReversed(), { by: 'disease' })
    expect([...diseases(test)].sort()).toEqual([...diseases(mixed.test)].sort())
    const larger = await split(rows, { by: 'disease', fraction: 0.3 })
    expect([...diseases(test)].filter((disease) => !diseases(larger.test).has(disease))).toEqual([])
    const other = await split(rows, { by: 'disease', seed: 7 })
    const shared = [...diseases(test)].filter((disease) => diseases(other.test).has(disease))
    expect(shared.length).toBeLessThan(30)
  })

  it('takes whole rows where there is no key, and all or none', async () => {
    const twice = [...rows, ...rows]
    const { test } = await split(twice, {})
    expect(test.length).toBe(2 * new Set(test.map(({ question }) => question)).size)
    expect((await split(rows, { fraction: 0 })).test).toEqual([])
    expect((await split(rows, { fraction: 1 })).train).toEqual([])
    expect((await split([{ n: 3n }], { fraction: 1 })).test).toEqual([{ n: 3n }])
  })

  it('refuses what is no key', async () => {
    await expect(split(rows, { by: 'illness' })).rejects.toThrow(
      'splitDataset: there is no column "illness"; a row has disease, question',
    )
    await expect(split([{ a: null }], { by: 'a' })).rejects.toThrow(
      'splitDataset: row 0: its key must be a text or a number',
    )
    expect(() => splitDataset(rows, { fraction: 2 })).toThrow('fraction must be a number from 0 and at most 1, got 2')
    expect(() => splitDataset(rows, { by: 3 as unknown as string })).toThrow('by must be a text or a function of a row')
    expect(() => splitDataset(3 as unknown as [])).toThrow('splitDataset: rows must be a list')
  })
})
