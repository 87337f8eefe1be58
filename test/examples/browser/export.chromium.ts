import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { examplesOf } from '../../../examples/medquad/questions.ts'
import { evaluateLoss, loadModel, openAdapter, openDevice, type Source } from '../../../src/index.ts'
import { fourPairs, isTrained, textOf, trainTenSteps, visit } from './drive-page.ts'
import { usePage } from './open-page.ts'
import { saveTinyLlama } from './tiny-llama.ts'

const open = usePage('test-browser-export')
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'medaware-export-'))
  await saveTinyLlama(folder)
})
afterAll(() => rm(folder, { recursive: true }))

/** Trains the tiny model of Llama's architecture, which llama.cpp knows. */
async function trained(page: Page, url: string): Promise<void> {
  await visit(page, url)
  await page.locator('#large').check()
  await page.locator('#folder').setInputFiles(folder)
  await page
    .locator('#opened')
    .filter({ hasText: /^medaware-export-\w+: / })
    .waitFor()
  await page.locator('#rate').fill('0.01')
  await trainTenSteps(page)
}

/** What a button hands out. */
async function taken(page: Page, id: string): Promise<{ name: string; bytes: Buffer }> {
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator(`#${id}`).click()])
  await page.locator('#save:enabled').waitFor()
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) }
}

const filesOf = (archive: Uint8Array) => {
  return Object.entries(unzipSync(archive)).map(([path, bytes]) => {
    return new File([bytes.slice()], path.slice(path.indexOf('/') + 1))
  })
}

/** The loss on the four pairs, of a model that our own reader loads. */
async function lossOf(source: Source, adapter: Source | null = null): Promise<number> {
  const { device } = await openDevice({ device: 'cpu' })
  const { model, tokenizer } = await loadModel(source, { device })
  if (tokenizer === null) return expect.unreachable()
  if (adapter !== null) await openAdapter(model, adapter, { device })
  const { loss } = await evaluateLoss(model, examplesOf(tokenizer, fourPairs, 256))
  device.dispose()
  return loss
}

it('hands out the adapter, the merged model and a report, each in the form that others read', async () => {
  const { page, url } = open
  // As browsers without a dialog for files have it.
  await page.addInitScript('delete globalThis.showSaveFilePicker')
  await trained(page, url)
  const adapter = await taken(page, 'save')
  const names = filesOf(adapter.bytes).map(({ name }) => name)
  expect(names).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'README.md'])
  const card = await filesOf(adapter.bytes)[2]?.text()
  expect(card).toContain('10 of 10')
  const loss = await lossOf(folder, filesOf(adapter.bytes))

  const merged = await taken(page, 'save-merged')
  expect(merged.name).toBe('medaware-model.zip')
  expect(await lossOf(filesOf(merged.bytes))).toBeCloseTo(loss, 1)
  const gguf = await taken(page, 'save-merged-gguf')
  expect(gguf.name).toBe('medaware-model-f16.gguf')
  expect(await lossOf(new File([new Uint8Array(gguf.bytes)], gguf.name))).toBeCloseTo(loss, 1)
  const lora = await taken(page, 'save-gguf')
  expect([lora.name, lora.bytes.subarray(0, 4).toString()]).toEqual(['medaware-adapter.gguf', 'GGUF'])

  const report = await taken(page, 'save-report')
  const text = report.bytes.toString()
  expect(text).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/)
  expect(text).not.toContain('uric acid')
  expect(text).toContain('What are the symptoms of Asthma?')
  await page.getByLabel('With the questions and answers in it').check()
  expect((await taken(page, 'save-report')).bytes.toString()).toContain('Crystals of uric acid in a joint.')
  const shown = await open.context.newPage()
  await shown.setContent(text)
  expect(await shown.locator('h1').textContent()).toMatch(/^Training of medaware-export-/)
  expect(await shown.locator('figure svg').count()).toBeGreaterThanOrEqual(4)

  // All of that leaves the run as it was.
  await page.locator('#start').click()
  await isTrained(page)
  expect(await textOf(page, 'train-status')).toBe('Done: step 10 of 10.')
})

it('writes a model where the person chooses, and leaves nothing where it cannot be made', async () => {
  const { page, url } = open
  await page.addInitScript(`globalThis.showSaveFilePicker = async ({ suggestedName }) =>
    (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true })`)
  await trained(page, url)
  await page.locator('#gguf-type').selectOption('q8_0')
  await page.locator('#save-merged-gguf').click()
  await page.getByText('The model is in medaware-model-q8_0.gguf.').waitFor()
  const sizeOf = (name: string) =>
    page.evaluate(
      `navigator.storage.getDirectory().then(async (root) => (await (await root.getFileHandle('${name}')).getFile()).size)`,
    )
  expect(await sizeOf('medaware-model-q8_0.gguf')).toBeGreaterThan(20_000)

  // The small Falcon is none of llama.cpp's models here.
  await page.locator('#small').check()
  await page.locator('#opened', { hasText: /^examples\/medquad\/base: / }).waitFor()
  await trainTenSteps(page)
  await page.locator('#gguf-type').selectOption('f16')
  await page.locator('#save-merged-gguf').click()
  await page
    .locator('#error')
    .filter({ hasText: /streamModelGguf: .*falcon/i })
    .waitFor()
  expect(await sizeOf('medaware-model-f16.gguf')).toBe(0)
})
