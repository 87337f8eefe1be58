import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { FakeHub, Heard, Twist } from '../../io/huggingface/fake-hub.ts'
import { root } from '../../programs/run-program.ts'
import { convertModelToGguf } from '../../../src/index.ts'
import { isOpened, tabTo, textOf, trainTenSteps } from './drive-page.ts'
import { offered, openHubAndBrowser } from './hub-for-page.ts'
import { serveBuiltPage, type ServedPage } from './serve-page.ts'
import { saveTinyLlama } from './tiny-llama.ts'

const built = join(root, 'out/test-browser-models')
const mebibyte = 1 << 20

let folder: string
let weights: number
let browser: Browser
let hub: FakeHub
let served: ServedPage
let context: BrowserContext
let page: Page
let wrong: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'medaware-hub-'))
  // Large enough that its bytes are told of as they come.
  await saveTinyLlama(folder, { intermediate_size: 4096 })
  const names = await readdir(folder)
  const files = await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const))
  weights = new Map(files).get('model.safetensors')?.length ?? 0
  ;({ hub, browser } = await openHubAndBrowser(Object.fromEntries(files)))
  served = await serveBuiltPage(built)
})
afterAll(async () => {
  await browser.close()
  await Promise.all([hub.close(), served.close()])
  await Promise.all([folder, built].map((path) => rm(path, { recursive: true })))
})
beforeEach(async () => {
  hub.twist = null
  hub.heard.length = 0
  context = await browser.newContext()
  page = await visitAnew()
})
afterEach(async () => {
  await context.close()
  expect(wrong).toEqual([])
})

/** Another visit of the same person. */
async function visitAnew(): Promise<Page> {
  const visit = await context.newPage()
  visit.setDefaultTimeout(30_000)
  wrong = []
  visit.on('pageerror', ({ message }) => wrong.push(message))
  await visit.goto(served.url)
  await isOpened(visit)
  return visit
}

/** Chooses the model; then its size and what a training takes are shown, and `fetchIt` loads it. */
async function choose(): Promise<void> {
  await page.locator('#smollm2').check()
}

async function fetchIt(): Promise<void> {
  await page.getByRole('button', { name: /^Fetch 3\.21 MB and load$|^Go on fetching$/ }).click()
}

/** Waits for the page's error, whose sentence it gives. */
async function failure(): Promise<string> {
  await page.locator('#error:visible').waitFor()
  await page.locator('#reload:enabled').waitFor()
  return textOf(page, 'error')
}

/** Whether the weights are asked for, and not their header alone. */
const isDownload = ({ place, path, range = '' }: Heard): boolean =>
  place === 'storage' && path.endsWith('model.safetensors') && !/-\d+$/.test(range)
/** Where the requests for the weights began since the last call. */
function starts(): number[] {
  const downloads = hub.heard.splice(0).filter(isDownload)
  return downloads.map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')?.[1]))
}

/** A storage that sends the weights up to a byte, and does something then. */
function upTo(byte: number, then: (response: Parameters<Twist>[1], body: Uint8Array) => void): Twist {
  return (heard, response, body) => {
    if (!isDownload(heard)) return false
    const { range } = heard
    const from = Number(/\d+/.exec(range ?? '0')?.[0])
    const length = { 'content-length': body.length - from }
    const ranged = { ...length, 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` }
    if (range === undefined) response.writeHead(200, length)
    else response.writeHead(206, ranged)
    response.flushHeaders()
    response.write(body.subarray(from, Math.max(from, byte)), () => then(response, body))
    return true
  }
}
const cutOff = (byte: number): Twist => upTo(byte, ({ socket }) => setTimeout(() => socket?.destroy(), 200))

it('fetches a model by its name, tells how far it is and how fast, trains it, and keeps it for the next visit', async () => {
  let goOn = () => {}
  const isTold = new Promise<void>((resolve) => (goOn = resolve))
  hub.twist = upTo(
    2.5 * mebibyte,
    (response, body) => void isTold.then(() => response.end(body.subarray(2.5 * mebibyte))),
  )
  expect(await page.getByLabel('SmolLM2-135M-Instruct').evaluate((input) => input.parentElement?.textContent)).toMatch(
    /270 MB/,
  )
  await choose()
  await page
    .locator('#opened', {
      hasText: /802,464 parameters, 3\.21 MB to fetch\. In 4 bits, training .* takes at most [\d.]+ MB/,
    })
    .waitFor()
  expect(starts()).toEqual([])
  await fetchIt()
  const line = /^Fetching model\.safetensors: \d\.\d\d MB of 3\.21 MB, [\d.]+ [kM]B a second, \d+:\d\d left$/
  await page.locator('#opened').filter({ hasText: line }).waitFor()
  goOn()
  await isOpened(page)
  expect(await textOf(page, 'opened')).toMatch(new RegExp(`^${offered}: [\\d,]+ parameters in .* kB, on CPU engine`))
  await page.locator('#rate').fill('0.01')
  const { first, last } = await trainTenSteps(page)
  expect(last).toBeLessThan(first)
  expect(starts()).toEqual([0])

  page = await visitAnew()
  await choose()
  await isOpened(page)
  expect(await textOf(page, 'opened')).toContain(offered)
  expect(hub.heard).toEqual([])
})

it('lists what is kept with its size, and deletes it', async () => {
  await choose()
  await fetchIt()
  await isOpened(page)
  await page.getByText('Models kept in this browser').click()
  await page.locator('#models-kept-status', { hasText: /^Together 3\.\d\d MB\.$/ }).waitFor()
  expect(await page.locator('#models-kept-rows th').allTextContents()).toEqual([offered])
  await page.getByRole('button', { name: `Delete ${offered}` }).click()
  await page.locator('#models-kept-status', { hasText: / is deleted, 3\.\d\d MB are free again\.$/ }).waitFor()
  expect(await page.locator('#models-kept-rows tr').count()).toBe(0)
  await page.locator('#reload').click()
  await page.locator('#opened', { hasText: ' 3.21 MB to fetch. ' }).waitFor()
})

it('asks again for what a server refuses once, and goes on where a connection broke, by the keyboard alone', async () => {
  const broken = cutOff(2 * mebibyte)
  let refusals = 1
  hub.twist = (heard, response, body) => {
    if (refusals > 0) {
      refusals--
      response.writeHead(500).end()
      return true
    }
    if (isDownload(heard)) hub.twist = null
    return broken(heard, response, body)
  }
  await tabTo(page, 'small')
  await page.keyboard.press('ArrowDown')
  await page.locator('#fetch').waitFor()
  expect(await page.evaluate('document.activeElement?.id')).toBe('smollm2')
  await tabTo(page, 'fetch')
  await page.keyboard.press('Enter')
  await isOpened(page)
  expect(await textOf(page, 'opened')).toContain(offered)
  expect(starts()).toEqual([0, 2 * mebibyte])
})

it('lets a person go on where the Hub was away for longer', async () => {
  hub.twist = (_heard, { socket }) => {
    socket?.destroy()
    return true
  }
  await choose()
  expect(await failure()).toMatch(/^hub: https:\/\/huggingface\.co\/.* cannot be reached/)
  expect(await textOf(page, 'opened')).toBe('No model.')

  hub.twist = cutOff(mebibyte)
  await page.locator('#reload').click()
  await fetchIt()
  expect(await failure()).toMatch(/model\.safetensors .* 1\.05 MB are kept, the next attempt goes on from there$/)
  expect(starts()[0]).toBe(0)

  hub.twist = null
  await fetchIt()
  await isOpened(page)
  expect(starts()).toEqual([mebibyte])
  expect(await textOf(page, 'opened')).toContain(offered)
})

it('stops a download on request, and goes on from there, then or at the next visit', async () => {
  hub.twist = upTo(2 * mebibyte, () => {})
  await choose()
  await fetchIt()
  await page.getByText('Fetching model.safetensors: ').waitFor()
  await page.getByRole('button', { name: 'Stop loading' }).click()
  await page.getByText('Stopped. What has come is kept.').waitFor()
  await page.getByRole('button', { name: 'Go on fetching' }).waitFor()
  await page.close()

  hub.twist = null
  page = await visitAnew()
  starts()
  await choose()
  await page.getByText(/ \d\.\d\d MB of 3\.21 MB are left to fetch\. /).waitFor()
  await page.getByRole('button', { name: /^Fetch [12]\.\d\d MB and load$/ }).click()
  await isOpened(page)
  const [start = 0] = starts()
  expect(start).toBeGreaterThanOrEqual(mebibyte)
  expect(start).toBeLessThanOrEqual(2 * mebibyte)
})

it('says what does not fit before it is fetched, and lets another model be chosen on its way', async () => {
  hub.twist = upTo(2 * mebibyte, () => {})
  await page.evaluate('navigator.storage.estimate = async () => ({ quota: 3e6, usage: 1e6 })')
  await choose()
  await page
    .locator('#opened.is-wrong', { hasText: / It does not fit: this browser lets the page keep 2\.00 MB more\.$/ })
    .waitFor()
  await fetchIt()
  await page.getByText('Fetching model.safetensors: ').waitFor()
  await page.getByLabel('Small Falcon-RW').check()
  await page.locator('#opened', { hasText: /^examples\/medquad\/base: 1,25/ }).waitFor()
  expect(await page.getByRole('button', { name: 'Go on fetching' }).isVisible()).toBe(false)
})

it('tells of a file whose checksum is another, and fetches it anew', async () => {
  hub.twist = (heard, response, body) => {
    if (!isDownload(heard)) return false
    const other = Uint8Array.from(body)
    other[weights - 1] = 255 - (other[weights - 1] ?? 0)
    response.writeHead(200, { 'content-length': weights }).end(other)
    return true
  }
  await choose()
  await fetchIt()
  expect(await failure()).toMatch(
    /^hub: model\.safetensors of .* was damaged on its way: its sha256 is \w{64}, not \w{64}; it was removed, try again$/,
  )
  starts()
  hub.twist = null
  await fetchIt()
  await isOpened(page)
  expect(starts()).toEqual([0])
})

it('trains a GGUF file and a folder of this machine, and says what is wrong with another file', async () => {
  const [gguf, other] = ['tiny.gguf', 'other.gguf'].map((name) => join(folder, name)) as [string, string]
  await convertModelToGguf(folder, gguf, { type: 'f32' })
  await writeFile(other, (await readFile(gguf)).subarray(0, 1000))
  await page.getByLabel('A folder or a GGUF file on this machine').check()
  await page.getByLabel('Or a GGUF file', { exact: true }).setInputFiles(other)
  expect(await failure()).toContain('other.gguf')

  // What does not fit waits for a word, and says what to change.
  await page.locator('#batch').fill('512')
  await page.locator('#length').fill('512')
  await page.getByLabel('Or a GGUF file', { exact: true }).setInputFiles(gguf)
  await page.locator('#opened.is-wrong', { hasText: / MB to read\. .* It does not fit: .* and fits\.$/ }).waitFor()
  await page.locator('#batch').fill('4')
  await page.locator('#length').fill('256')
  await page.locator('#opened:not(.is-wrong)', { hasText: /4 questions of 256 tokens/ }).waitFor()
  await page.getByRole('button', { name: 'Load it' }).click()
  await page
    .locator('#opened')
    .filter({ hasText: /^tiny\.gguf: [\d,]+ parameters/ })
    .waitFor()
  await page.locator('#rate').fill('0.01')
  const ofFile = await trainTenSteps(page)
  expect(ofFile.last).toBeLessThan(ofFile.first)

  await page.getByLabel('Folder with config.json').setInputFiles(folder)
  await page
    .locator('#opened')
    .filter({ hasText: /^medaware-hub-\w+: [\d,]+ parameters/ })
    .waitFor()
  expect(await trainTenSteps(page)).toEqual(ofFile)
})
