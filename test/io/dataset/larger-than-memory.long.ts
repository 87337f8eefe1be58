import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, expect, it } from 'vitest'
import { loadDataset } from '../../../src/io/dataset/load-dataset.ts'

const folder = mkdtempSync(join(tmpdir(), 'larger-than-memory-'))
afterAll(() => rmSync(folder, { recursive: true }))

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** A file of so many rows, of about 2 KB each. */
function write(ending: 'jsonl' | 'csv', rows: number): string {
  const path = join(folder, `rows.${ending}`)
  const file = openSync(path, 'w')
  if (ending === 'csv') writeSync(file, 'prompt,completion\n')
  const completion = ' thirst and hunger'.repeat(110)
  for (let i = 0; i < rows; i++) {
    const row = { prompt: `symptoms ${i}?`, completion }
    writeSync(file, ending === 'csv' ? `"${row.prompt}","${row.completion}"\n` : `${JSON.stringify(row)}\n`)
  }
  closeSync(file)
  return path
}

it.each(['jsonl', 'csv'] as const)('a %s file of 80 MB takes few of them', { timeout: 600_000 }, async (ending) => {
  const rows = 40_000
  const path = write(ending, rows)
  expect(statSync(path).size).toBeGreaterThan(75 * 2 ** 20)
  const dataset = await loadDataset(path)
  collectGarbage()
  const before = process.memoryUsage()
  let most = 0
  let read = 0
  for await (const row of dataset) {
    if (++read % 4000 !== 0) continue
    expect(row['prompt']).toBe(`symptoms ${read - 1}?`)
    collectGarbage()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    most = Math.max(most, heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers)
  }
  expect(read).toBe(rows)
  // A piece of a file is 1 MiB, its text twice as much, its rows as much again.
  expect(most).toBeLessThan(24 * 2 ** 20)
})
