import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { mostAtStart, type SizeRecord, sizeFile, sizePage, strayed, withSizes } from './size-record.ts'

const record = JSON.parse(readFileSync(sizeFile, 'utf8')) as SizeRecord

it('size.md has the tables of the record, and says the most that a page may start with', async () => {
  const page = readFileSync(sizePage, 'utf8')
  expect(page).toBe(await withSizes(page, record))
  expect(page.replaceAll('\n', ' ')).toContain(`A page may start with ${mostAtStart / 1024} KiB at most.`)
})

it('every entry of package.json has a recorded size', () => {
  const { exports: doors } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: object }
  const names = Object.keys(doors).filter((door) => door !== './package.json')
  expect(record.entries.map(({ entry }) => entry.replace('peft-medaware', '.'))).toEqual(names)
})

it('tells of a size that strayed from the record, and which part changed', () => {
  expect(strayed(record, record)).toEqual([])
  const [entry, ...others] = record.entries as [SizeRecord['entries'][number], ...SizeRecord['entries']]
  const { bytes } = entry.start
  const grown = { ...entry, start: { ...entry.start, bytes: Math.ceil(1.031 * bytes) } }
  const parts = { ...record.parts, [entry.entry]: { ...record.parts[entry.entry], 'src/io': 999_999 } }
  const by = 999_999 - (record.parts[entry.entry]?.['src/io'] ?? 0)
  expect(strayed(record, { ...record, entries: [grown, ...others], parts })).toEqual([
    `${entry.entry}, at once grew from ${bytes} to ${grown.start.bytes} bytes: src/io +${by}`,
  ])
  const within = { ...entry, start: { ...entry.start, bytes: Math.floor(1.029 * bytes) } }
  expect(strayed(record, { ...record, entries: [within, ...others] })).toEqual([])
  const slim = { ...record.package, tarball: Math.floor(0.9 * record.package.tarball) }
  expect(strayed(record, { ...record, package: slim })).toEqual([
    `package, tarball shrank from ${record.package.tarball} to ${slim.tarball} bytes`,
  ])
})

it('tells of a page that starts with too much', () => {
  const start = { ...record.page.start, bytes: mostAtStart + 1 }
  const page = { ...record.page, start }
  expect(strayed({ ...record, page }, { ...record, page })).toEqual([
    `a page starts with ${mostAtStart + 1} bytes, over ${mostAtStart}`,
  ])
})
