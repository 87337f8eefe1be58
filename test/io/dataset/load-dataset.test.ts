import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Row } from '../../../src/data/dataset.ts'
import { loadDataset, type DatasetSource, type LoadDatasetOptions } from '../../../src/io/dataset/load-dataset.ts'

const parquet = join(import.meta.dirname, '../../fixtures/medquad/lavita-rows.parquet')
const folder = mkdtempSync(join(tmpdir(), 'dataset-'))

async function rowsOf(source: DatasetSource, options?: LoadDatasetOptions): Promise<Row[]> {
  const rows: Row[] = []
  for await (const row of await loadDataset(source, options)) rows.push(row)
  return rows
}

/** A file of that name and content, as a page has it. */
const file = (name: string, content: string | Uint8Array<ArrayBuffer>) => new File([content], name)
const read = (name: string, content: string | Uint8Array<ArrayBuffer>) => rowsOf(file(name, content))
const refused = (name: string, content: string | Uint8Array<ArrayBuffer>) => expect(read(name, content)).rejects

describe('JSON', () => {
  const rows = [{ a: 'x\ny' }, { a: 'é🩺', b: { c: [1, null] } }]

  it('has an object a line, or a list of objects', async () => {
    const lines = rows.map((row) => JSON.stringify(row))
    expect(await read('rows.jsonl', lines.join('\n'))).toEqual(rows)
    expect(await read('rows.ndjson', `\uFEFF${lines.join('\r\n')}\r\n\r\n \n`)).toEqual(rows)
    expect(await read('rows.json', ` \n${JSON.stringify(rows, null, 2)}\n`)).toEqual(rows)
    expect(await read('rows.jsonl', '')).toEqual([])
  })

  it('names the line that is wrong', async () => {
    await refused('a.jsonl', '{"a":1}\n\n{"a":\n{"a":2}').toThrow('a.jsonl: line 3: not valid JSON: ')
    await refused('a.jsonl', '{"a":1}\n3').toThrow('a.jsonl: line 2: must be an object of columns, got 3')
    await refused('a.json', '[{"a":1},"b"]').toThrow('a.json: item 1: must be an object of columns, got "b"')
    await refused('a.json', '[{"a":1}').toThrow('a.json: not valid JSON: ')
    await refused('a.jsonl', `{"a":${'['.repeat(1e5)}`).toThrow(
      'a.jsonl: line 1: lists and objects lie more than 127 deep',
    )
    await refused('a.jsonl', Uint8Array.of(0x7b, 0xff, 0x7d)).toThrow('a.jsonl: not valid UTF-8 in the 1048576 bytes')
    await refused('a.jsonl', new Uint8Array(70 * 1024 * 1024).fill(0x61)).toThrow(
      'a.jsonl: line 1: has over 67108864 cha',
    )
  })

  it('goes through characters and lines that the pieces of a file cut in two', async () => {
    const many = Array.from({ length: 60_000 }, (_, i) => ({ i, text: `🩺é${'x'.repeat(i % 50)}` }))
    const text = many.map((row) => JSON.stringify(row)).join('\n')
    expect(new TextEncoder().encode(text).length).toBeGreaterThan(2 * 1024 * 1024)
    expect(await read('rows.jsonl', text)).toEqual(many)
  })
})

describe('CSV', () => {
  it('has names in its first row, and quotes', async () => {
    const wanted = [
      { question: 'a, "b"', answer: 'c\nd' },
      { question: '', answer: 'é' },
    ]
    expect(await read('a.csv', 'question,answer\n"a, ""b""","c\nd"\n\n,é\n')).toEqual(wanted)
    expect(await read('a.csv', '\uFEFFquestion,answer\r\n"a, ""b""","c\nd"\r\n,é')).toEqual(wanted)
    expect(await read('a.tsv', 'question\tanswer\na, "b"\tx')).toEqual([{ question: 'a, "b"', answer: 'x' }])
    expect(await read('a.csv', 'question,answer\n')).toEqual([])
  })

  it('names the line that is wrong', async () => {
    await refused('a.csv', 'a,b\n1,2\n"3\n4",5\n6').toThrow('a.csv: line 5: 1 fields for the 2 columns a, b')
    await refused('a.csv', 'a,b\n1,2,3').toThrow('a.csv: line 2: 3 fields for the 2 columns a, b')
    await refused('a.csv', 'a,a\n1,2').toThrow('a.csv: line 1: two columns are called "a"')
    await refused('a.csv', 'a,b\n1,2\n"3,4\n5,6\n').toThrow('a.csv: line 3: quoted field unterminated')
    await refused('a.csv', 'a,b\n1,2\n"3"x,4\n5,6\n').toThrow(
      'a.csv: line 3: trailing quote on quoted field is malformed',
    )
    const huge = `a,b\n"${'x,y\n'.repeat(5 * 1024 * 1024)}`
    await refused('a.csv', huge).toThrow('a.csv: line 2: a row of over 16777216 characters; is a quote not closed?')
  })

  it('goes through rows that the pieces of a file cut in two', async () => {
    const many = Array.from({ length: 40_000 }, (_, i) => ({ i: `${i}`, text: `a "${i}",\r\né${'x'.repeat(i % 60)}` }))
    const lines = many.map(({ i, text }) => `${i},"${text.replaceAll('"', '""')}"`)
    expect(await read('rows.csv', ['i,text', ...lines].join('\r\n'))).toEqual(many)
  })
})

describe('Parquet', () => {
  const bytes = new Uint8Array(readFileSync(parquet))

  it('is read by row groups, and knows its length', async () => {
    const rows = await read('rows.parquet', bytes)
    expect(rows.map(({ question }) => question)).toEqual([
      'What is (are) woolly hair ?',
      'Is woolly hair inherited ?',
      'Do you have information about lice',
      'What causes grey ache ?',
    ])
    expect(rows[2]?.['answer'] ?? null).toBeNull()
    expect((await loadDataset(parquet)).length).toBe(4)
  })

  it('refuses a torn file', async () => {
    await refused('a.parquet', bytes.slice(0, -20)).toThrow('a.parquet: not readable as Parquet, ')
    await refused('a.parquet', bytes.slice(0, 5)).toThrow('a.parquet: not readable as Parquet, ')
    await refused('a.parquet', new Uint8Array(0)).toThrow('a.parquet: not readable as Parquet, ')
    const torn = bytes.slice()
    torn.fill(0xff, 4, 200)
    await refused('a.parquet', torn).toThrow(/a\.parquet: (rows 0 to 3: )?not readable as Parquet, /)
  })
})

describe('loadDataset', () => {
  it('opens paths and addresses anew for each pass', async () => {
    const path = join(folder, 'rows.jsonl')
    writeFileSync(path, '{"a":1}\n')
    const dataset = await loadDataset(path)
    const pass = async () => {
      const rows: Row[] = []
      for await (const row of dataset) rows.push(row)
      return rows
    }
    expect([dataset.name, dataset.length, await pass()]).toEqual([path, null, [{ a: 1 }]])
    writeFileSync(path, '{"a":2}\n')
    expect(await pass()).toEqual([{ a: 2 }])
    expect(await rowsOf(pathToFileURL(path))).toEqual([{ a: 2 }])
    const fetch = async () => {
      return { status: 200, headers: new Headers(), body: new Blob(['{"a":3}']).stream() } as unknown as Response
    }
    const hub = { fetch: fetch as never, offline: false }
    expect(await rowsOf('https://example.org/rows.jsonl?x=1', { hub })).toEqual([{ a: 3 }])
  })

  it('lets rows pass through', async () => {
    const rows = [{ a: 1 }, { a: 2 }]
    expect((await loadDataset(rows)).length).toBe(2)
    expect(await rowsOf(rows)).toEqual(rows)
    const later = async function* () {
      yield* rows
    }
    expect(await rowsOf(later)).toEqual(rows)
    expect(await rowsOf(later())).toEqual(rows)
  })

  it('refuses what is no source, and endings that say nothing', async () => {
    await expect(loadDataset(3 as unknown as string)).rejects.toThrow('loadDataset: rows must be a list')
    await expect(loadDataset('rows.txt')).rejects.toThrow('loadDataset: the ending of "rows.txt" says no format')
    expect(await rowsOf(file('rows.txt', '{"a":1}'), { format: 'jsonl' })).toEqual([{ a: 1 }])
    await expect(loadDataset(join(folder, 'none.csv'))).rejects.toThrow(expect.objectContaining({ code: 'not-found' }))
  })
})
