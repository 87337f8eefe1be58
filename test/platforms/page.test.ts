import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { hasFound, type PlatformsRecord, type RuntimeRecord } from './finding.ts'
import { pageFile, recordFile, withTable } from './page.ts'
import { worse } from './worse.ts'

const record = JSON.parse(readFileSync(recordFile, 'utf8')) as PlatformsRecord
const [first, ...others] = record.runtimes as [RuntimeRecord, ...RuntimeRecord[]]

it('what-works-where.md has the table of the record', async () => {
  const page = readFileSync(pageFile, 'utf8')
  expect(page).toBe(await withTable(page, record))
})

it('plain SIMD trained to the same bits in every runtime, as the page says', () => {
  expect(others.length).toBeGreaterThan(3)
  expect(hasFound(first.probes.simd)).toBe(true)
  for (const { probes } of others) expect(probes.simd).toMatchObject(bitsOf(first))
})

it('complains of other bits, and of what worked before', () => {
  const fails = { error: 'it fails' }
  const broken = { ...first, name: 'Other', probes: { ...first.probes, worker: fails } }
  expect(worse([first, broken], [])).toEqual([])
  expect(worse([first, broken], [{ ...first, name: 'Other' }])).toEqual(['Other, worker: it fails'])
  const lost = { ...first, name: 'Other', command: fails }
  expect(worse([first, lost], [{ ...first, name: 'Other' }])).toEqual(['Other, command: it fails'])
  const simd = { ...(first.probes.simd as object), adapter: 'another' } as RuntimeRecord['probes']['simd']
  const drifted = { ...first, name: 'Other', probes: { ...first.probes, ...(simd && { simd }) } }
  expect(worse([first, drifted], [])).toEqual([`Other, simd: its adapter another is not ${bitsOf(first).adapter}`])
})

function bitsOf({ probes: { simd } }: RuntimeRecord) {
  if (!hasFound(simd)) throw new Error('the first runtime has no result')
  const { adapter, logits, ofReference, text } = simd
  return { adapter, logits, ofReference, text }
}
