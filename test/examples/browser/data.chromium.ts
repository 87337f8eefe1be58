import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { strToU8, zipSync } from 'fflate'
import type { Page } from 'playwright-core'
import { beforeEach, expect, it } from 'vitest'
import { root } from '../../programs/run-program.ts'
import { someFiles } from '../medquad/medquad-files.ts'
import { fourLines, isTrained, tabTo, textOf, visit } from './drive-page.ts'
import { usePage } from './open-page.ts'

const opened = usePage('test-browser-data')
let page: Page

beforeEach(async () => {
  page = opened.page
  await visit(page, opened.url)
})

type Given = readonly [name: string, content: string | Uint8Array]

/** Gives the page files as one chooses them. */
async function choose(...files: readonly Given[]): Promise<void> {
  await page
    .locator('#file')
    .setInputFiles(
      files.map(([name, content]) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(content) })),
    )
}

/** Waits for the sentence under the buttons: the whole of it, or what it begins with. */
async function isSaid(text: string | RegExp): Promise<void> {
  const whole = typeof text === 'string' ? new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`) : text
  await page.locator('#data-status', { hasText: whole }).waitFor()
}

/** The cells of a table's body, by rows. */
async function rowsOf(id: string): Promise<string[][]> {
  const rows = await page.locator(`#${id} > tr`).all()
  return Promise.all(rows.map((row) => row.locator('th, td').allTextContents()))
}

const linesOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => JSON.stringify({ question: `${from + i}?`, answer: 'So.' })).join('\n')

it('shows what was read of several files, what was left out and why, a page at a time', async () => {
  const parquet = await readFile(join(root, 'test/fixtures/medquad/lavita-rows.parquet'))
  const zip = zipSync(Object.fromEntries(Object.entries(someFiles).map(([path, text]) => [path, strToU8(text)])))
  const bad = `${linesOf(0, 12)}\n{"question": "<img src=x onerror=alert(1)>", "answer": ""}\nnope\n${linesOf(0, 1)}\n`
  await choose(
    ['mine.jsonl', bad],
    ['medquad.parquet', parquet],
    ['MedQuAD-master.zip', zip],
    ['sheet.csv', 'question;answer\nWhy?;So.'],
  )
  await isSaid('19 questions with answers; 5 rows left out.')
  expect(await rowsOf('files-rows')).toEqual([
    ['mine.jsonl', '15', '12', '3'],
    ['medquad.parquet', '4', '3', '1'],
    ['MedQuAD-master.zip', '4', '3', '1'],
    ['sheet.csv', '1', '1', '0'],
    ['All', '24', '19', '5'],
  ])
  expect(await rowsOf('reasons-rows')).toEqual([
    ['no answer', '3'],
    ['cannot be read', '1'],
    ['the same question and answer as before', '1'],
  ])
  await page.locator('#rows summary').click()
  expect((await rowsOf('rows-rows')).map(([where, question]) => [where, question])).toEqual(
    [0, 1, 2, 3, 4].map((i) => [`mine.jsonl, line ${i + 1}`, `${i}?`]),
  )
  expect(await page.locator('#rows-before').isDisabled()).toBe(true)
  await page.locator('#rows-after').click()
  await page.locator('#rows-place', { hasText: '6 to 10 of 19' }).waitFor()
  await page.locator('#rows-show').selectOption('dropped')
  await page.locator('#rows-place', { hasText: '1 to 5 of 5' }).waitFor()
  const [first, second] = await rowsOf('rows-rows')
  // What looks like HTML is a text.
  expect(first).toEqual(['mine.jsonl, line 13', '<img src=x onerror=alert(1)>', '', 'no answer'])
  expect(second?.[3]).toMatch(/^Line 14 is not JSON/)
  expect(await page.locator('#rows-rows img').count()).toBe(0)
  await page.locator('#rows-show').selectOption('duplicate')
  await page.locator('#rows-place', { hasText: '1 to 1 of 1' }).waitFor()
  expect((await rowsOf('rows-rows'))[0]?.[0]).toBe('mine.jsonl, line 15')
})

it('can be looked through by the keyboard, in tables with names and heads', async () => {
  await page.locator('#data').fill(`${linesOf(0, 7)}\n`)
  await isSaid('7 questions with answers.')
  await page.locator('#rows summary').focus()
  await page.keyboard.press('Enter')
  await tabTo(page, 'rows-after')
  await page.keyboard.press('Enter')
  await page.locator('#rows-place', { hasText: '6 to 7 of 7' }).waitFor()
  const tables = page.locator('#data-section table:visible')
  expect(await tables.count()).toBe(2)
  for (const table of await tables.all()) {
    expect((await table.locator('caption').textContent())?.trim()).not.toBe('')
    expect(await table.locator('th:not([scope])').count()).toBe(0)
  }
})

it('keeps what was read before where a file cannot be read, and says so', async () => {
  await choose(['good.jsonl', fourLines])
  await isSaid('4 questions with answers.')
  await choose(['bad.csv', 'Frage,Antwort\nWarum?,Darum.\n'])
  await isSaid(
    'bad.csv: No column question and no column answer; the first line names "frage", "antwort". ' +
      'What was read before stays: 4 questions with answers.',
  )
  expect(await rowsOf('files-rows')).toEqual([['good.jsonl', '4', '4', '0']])
  expect(await page.locator('#start').isEnabled()).toBe(true)
  await page.locator('#clear').click()
  await isSaid('No questions yet.')
  expect(await page.locator('#data-tables').isVisible()).toBe(false)
  expect(await page.locator('#start').isDisabled()).toBe(true)
  await choose(['bad.jsonl', '{nope'])
  await isSaid(/^bad\.jsonl: Line 1 is not JSON/)
  expect(await page.locator('#start').isDisabled()).toBe(true)
})

it('marks the questions that fill the limit of a run', async () => {
  const long = JSON.stringify({ question: 'Why? '.repeat(60), answer: 'So.' })
  await page.locator('#data').fill(`${fourLines}\n${long}\n`)
  await isSaid('5 questions with answers.')
  await page.locator('#steps').fill('2')
  await page.locator('#length').fill('64')
  await page.locator('#start').click()
  await isTrained(page)
  expect(await rowsOf('reasons-rows')).toEqual([['the question fills the tokens of the limit', '1']])
  await page.locator('#length').fill('512')
  await page.locator('#start').click()
  await page.locator('#reasons').waitFor({ state: 'hidden' })
})

it('reads 100,000 rows while the page stays free', async () => {
  const row = (i: number) =>
    JSON.stringify({ question: `What is number ${i % 90_000}?`, answer: `${'It is. '.repeat(60)}${i}` })
  const text = Array.from({ length: 100_000 }, (_, i) => row(i)).join('\n')
  await page.evaluate(`
    globalThis.longest = 0
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration)
    }).observe({ type: 'longtask' })
  `)
  // Made in the page, as the wire to the browser is not what is measured.
  await page.evaluate((content) => {
    ;(globalThis as { given?: Blob }).given = new Blob([content])
  }, text)
  await page.waitForTimeout(500)
  await page.evaluate(() => {
    ;(globalThis as { longest?: number }).longest = 0
    const transfer = new DataTransfer()
    transfer.items.add(new File([(globalThis as unknown as { given: Blob }).given], 'many.jsonl'))
    document.querySelector('#data')?.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }))
  })
  await isSaid('100,000 questions with answers.')
  await page.locator('#rows summary').click()
  await page.locator('#rows-after').click()
  await page.locator('#rows-place', { hasText: '6 to 10 of 100,000' }).waitFor()
  // The browser counts what others do on the machine meanwhile; on the page's thread it would take seconds.
  expect(await page.evaluate('longest')).toBeLessThan(250)
})

it('can be stopped while it reads', async () => {
  const text = linesOf(0, 300_000)
  await page.locator('#data').fill(fourLines)
  await isSaid('4 questions with answers.')
  await choose(['many.jsonl', text])
  await page.locator('#stop-reading').click()
  await isSaid('Stopped. What was read before stays: 4 questions with answers.')
  expect(await textOf(page, 'read-line')).toMatch(/^many\.jsonl: [\d,]+ rows, [\d,]+ a second$/)
  expect(await page.locator('#reading').isVisible()).toBe(false)
})
