import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { download, isOpened, isTrained, textOf, visit } from './drive-page.ts'
import { usePage } from './open-page.ts'
import { saveTinyLlama } from './tiny-llama.ts'

const open = usePage('test-browser-kept')

/** Twelve steps on the sample. */
async function start(page: Page): Promise<void> {
  await page.locator('#steps').fill('12')
  await page.locator('#batch').fill('2')
  await page.locator('#start').click()
}

/** Stops it on the way. */
async function stop(page: Page): Promise<number> {
  await page.locator('#figure-step', { hasText: /^[3-9] of 12/ }).waitFor()
  await page.locator('#stop').click()
  await page.locator('#train-status', { hasText: /^Stopped at step \d+ of 12\.$/ }).waitFor()
  await isTrained(page)
  return Number.parseInt(await textOf(page, 'figure-step'))
}

const weights = async (page: Page) => (await download(page)).files.get('medaware-adapter/adapter_model.safetensors')

it('goes on after the page was loaded again, to the very bits of a run that was not stopped', async () => {
  const { page, url } = open
  await visit(page, url)
  await start(page)
  const at = await stop(page)
  const losses = await page.locator('#loss-chart circle').count()
  await page.reload()
  await isOpened(page)
  expect(await page.locator('#save').isDisabled()).toBe(true)
  // What it learns is kept with it.
  await page.locator('#clear').click()
  await page.getByRole('button', { name: `Go on with examples/medquad/base (step ${at} of 12)` }).click()
  await page.locator('#train-status', { hasText: 'Done: step 12 of 12.' }).waitFor()
  await isTrained(page)
  expect(await page.locator('#offer').isVisible()).toBe(false)
  expect(await page.locator('#loss-chart circle').count()).toBeGreaterThan(losses)
  expect(await page.locator('#loss-chart').getAttribute('aria-label')).toMatch(
    / at step 1, .* at step 12; held-out .* at step 0, /,
  )
  const resumed = await weights(page)

  const whole = await open.newTab()
  await visit(whole, url)
  await start(whole)
  await isTrained(whole)
  expect(Buffer.compare((await weights(whole)) ?? Buffer.of(0), resumed ?? Buffer.of(1))).toBe(0)
})

it('lists runs to use, to rename and to delete, and leaves those of another tab alone', async () => {
  const { page, url } = open
  await visit(page, url)
  await start(page)
  const at = await stop(page)
  const item = page.locator('#kept li')
  expect(await item.textContent()).toMatch(new RegExp(`examples/medquad/base, step ${at} of 12, [\\d.]+ kB, `))

  const other = await open.newTab()
  await visit(other, url)
  const there = other.locator('#kept li')
  await there.getByRole('button', { name: 'Delete' }).click()
  await there.getByRole('button', { name: 'Delete for good?' }).click()
  await other.getByText('Another tab has this run open; close it there first.').waitFor()
  await there.getByRole('button', { name: 'Go on' }).click()
  await other.locator('#error', { hasText: 'Another tab has this run open' }).waitFor()
  await page.close()

  await there.getByRole('button', { name: 'Rename' }).click()
  await other.getByLabel('New name of').fill('My asthma run')
  await other.keyboard.press('Enter')
  await there.getByRole('heading', { name: 'My asthma run' }).waitFor()
  await there.getByRole('button', { name: 'Use' }).click()
  await other.getByText('The adapter My asthma run is on the model: ask it.').waitFor()
  await other.locator('#save:enabled').waitFor()
  expect(await other.locator('#go-on').isVisible()).toBe(false)
  expect(await textOf(other, 'figure-step')).toBe(`${at} of 12`)
  expect((await weights(other))?.length).toBeGreaterThan(1000)

  await isOpened(other)
  const llama = await mkdtemp(join(tmpdir(), 'medaware-kept-'))
  await saveTinyLlama(llama)
  await other.locator('#large').check()
  await other.locator('#folder').setInputFiles(llama)
  await there.getByText('It belongs to examples/medquad/base: choose that under 1. Model').waitFor()
  expect(await there.getByRole('button', { name: 'Use' }).isDisabled()).toBe(true)
  await rm(llama, { recursive: true })
  await there.getByRole('button', { name: 'Delete' }).click()
  await there.getByRole('button', { name: 'Delete for good?' }).click()
  await other.getByText('Nothing yet: runs are kept as they go.').waitFor()
  await other.reload()
  await isOpened(other)
  expect(await there.count()).toBe(0)
})

it('passes over a step that was being written when the page was closed', async () => {
  const { page, url } = open
  await visit(page, url)
  await start(page)
  const at = await stop(page)
  // A newer step, whose record has not come, and one whose record is torn.
  await page.evaluate(`(async () => {
    const root = await navigator.storage.getDirectory()
    const runs = await root.getDirectoryHandle('medaware-runs')
    for await (const run of runs.values()) {
      await (await run.getDirectoryHandle('step-11', { create: true })).getFileHandle('training_state.safetensors', { create: true })
      const torn = await (await run.getDirectoryHandle('step-10', { create: true })).getFileHandle('record.json', { create: true })
      const stream = await torn.createWritable()
      await stream.write('{"version":1,"id":')
      await stream.close()
    }
  })()`)
  await page.reload()
  await isOpened(page)
  expect(await textOf(page, 'offer-words')).toBe(`A run of examples/medquad/base was left at step ${at} of 12.`)
  await page.locator('#offer-go-on').click()
  await page.locator('#train-status', { hasText: 'Done: step 12 of 12.' }).waitFor()
})
