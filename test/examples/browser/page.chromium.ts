import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openBrowser, webGpuFlags } from '../../device/browser.ts'
import { root } from '../../programs/run-program.ts'
import { sampleSize } from '../medquad/sample-size.ts'
import { checkAdapter } from './check-adapter.ts'
import { download, fourLines, isOpened, isTrained, tabTo, textOf, trainTenSteps, visit } from './drive-page.ts'
import { serveBuiltPage, type ServedPage, servePage } from './serve-page.ts'
import { saveTinyLlama } from './tiny-llama.ts'

const base = join(root, 'examples/medquad/base')
const built = join(root, 'out/test-browser')

let browser: Browser
let served: ServedPage
let page: Page
let wrong: string[]

beforeAll(async () => {
  browser = await openBrowser(webGpuFlags)
})
afterAll(() => browser.close())
beforeEach(async () => {
  // Each visit is a first one; shell/offline.chromium.ts has those that follow.
  page = await browser.newPage({ serviceWorkers: 'block' })
  page.setDefaultTimeout(60_000)
  wrong = []
  page.on('pageerror', ({ message }) => wrong.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(message.text())
  })
})
afterEach(async () => {
  await page.close()
  expect(wrong).toEqual([])
})

describe('the page as it is built', () => {
  beforeAll(async () => {
    served = await serveBuiltPage(built)
  })
  afterAll(async () => {
    await served.close()
    await rm(built, { recursive: true })
  })

  it('trains, answers and hands out an adapter on the CPU engine, by the keyboard alone', async () => {
    expect(await visit(page, served.url, 'cpu')).toMatch(
      /^examples\/medquad\/base: 1,25\d,\d{3} parameters in \d\.\d\d MB, on CPU engine \(WebAssembly.* threads?\)\.$/,
    )
    await tabTo(page, 'data')
    await page.keyboard.press('ControlOrMeta+A')
    await page.keyboard.insertText(fourLines)
    await page.getByText('4 questions with answers.').waitFor()
    await tabTo(page, 'steps')
    await page.keyboard.type('10')
    await page.keyboard.press('Enter')
    const losses = await isTrained(page)
    expect(await textOf(page, 'train-status')).toBe('Done: step 10 of 10.')
    expect(await textOf(page, 'figure-step')).toBe('10 of 10')
    expect(Number((await textOf(page, 'figure-speed')).replace(',', ''))).toBeGreaterThan(0)
    const answers = await page.locator('#samples .answer').allTextContents()
    expect(answers[0]?.length).toBeGreaterThan(5)
    expect(answers.slice(1).some((answer) => answer !== 'As before.')).toBe(true)
    await checkAdapter(page, losses)
  })

  it('hears while it trains, stops at a step, answers, and goes on from there', async () => {
    await visit(page, served.url)
    // The sample is there from the start.
    await page.getByText(`${sampleSize} questions with answers.`).waitFor()
    await page.locator('#steps').fill('40')
    await page.locator('#start').click()
    await page.locator('#figure-step', { hasText: ' of 40' }).waitFor()
    await page.locator('#clear').click()
    await page.getByText('No questions yet.').waitFor()
    await page.locator('#stop').click()
    await page.locator('#train-status', { hasText: /^Stopped at step \d+ of 40\.$/ }).waitFor()
    await isTrained(page)
    // Who stops it gets the machine back: no question is asked, and every button but Stop can be pressed.
    for (const id of ['start', 'go-on', 'ask-button', 'save', 'reload']) {
      expect(await page.locator(`#${id}`).isEnabled(), id).toBe(id !== 'start')
    }
    expect(await page.locator('#turns li').count()).toBe(0)
    const at = Number.parseInt(await textOf(page, 'figure-step'))
    expect(at).toBeLessThan(40)
    await page.locator('#go-on').click()
    await page.locator('#train-status', { hasText: 'Done: step 40 of 40.' }).waitFor()
    const label = await page.locator('#loss-chart').getAttribute('aria-label')
    expect(label).toMatch(/ at step 1, [\d.]+ at step 40; held-out /)
    expect(await page.locator('#go-on').isVisible()).toBe(false)
  })

  it('takes a dropped file, and says what is wrong with it and with nothing at all', async () => {
    await visit(page, served.url)
    const status = page.locator('#data-status')
    const choose = (name: string, text: string) =>
      page.locator('#file').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) })
    await page.locator('#clear').click()
    await status.filter({ hasText: 'No questions yet.' }).waitFor()
    await choose('bad.jsonl', `{"question": "Why?"}`)
    await status.filter({ hasText: 'bad.jsonl: Line 1 has no answer; it has question.' }).waitFor()
    expect(await page.locator('#start').isDisabled()).toBe(true)
    await choose('good.csv', 'question,answer\nWhy?,So.\nHow?,\n')
    await status.filter({ hasText: '1 question with its answer; 1 row left out.' }).waitFor()
    await page.locator('#clear').click()
    await status.filter({ hasText: 'No questions yet.' }).waitFor()
    const drop = await page.evaluateHandle((text) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([text], 'pairs.jsonl'))
      return transfer
    }, fourLines)
    await page.locator('#data').dispatchEvent('drop', { dataTransfer: drop })
    await status.filter({ hasText: '4 questions with answers.' }).waitFor()
    expect(await page.locator('#start').isEnabled()).toBe(true)
  })

  it('loads a folder from this machine, and says what is missing in another', async () => {
    await visit(page, served.url)
    expect(await page.locator('#folder').isVisible()).toBe(false)
    await page.locator('#large').check()
    expect(await textOf(page, 'opened')).toBe('Choose the folder of the model.')
    await page.locator('#folder').setInputFiles(join(root, 'examples/medquad/sample'))
    await page.locator('#error').filter({ hasText: 'no config.json' }).waitFor()
    expect(await textOf(page, 'opened')).toBe('No model.')
    await page.locator('#folder').setInputFiles(base)
    await page
      .locator('#opened')
      .filter({ hasText: /^base: 1,25/ })
      .waitFor()
    await isOpened(page)
    expect(await page.locator('#ask-button').isEnabled()).toBe(true)
  })

  it("trains a model of Llama's architecture", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'medaware-page-'))
    await saveTinyLlama(folder)
    await visit(page, served.url)
    await page.locator('#large').check()
    await page.locator('#folder').setInputFiles(folder)
    await page
      .locator('#opened')
      .filter({ hasText: /^medaware-page-\w+: \d+,\d{3} parameters/ })
      .waitFor()
    await page.locator('#rate').fill('0.01')
    const { first, last } = await trainTenSteps(page)
    expect(last).toBeLessThan(first)
    const { files } = await download(page)
    const config = new TextDecoder().decode(files.get('medaware-adapter/adapter_config.json'))
    expect(JSON.parse(config)).toMatchObject({ peft_type: 'LORA', r: 16 })
    // Every linear layer but the head, as docs/adapters.md advises.
    expect(JSON.parse(config).target_modules).toHaveLength(7)
    await rm(folder, { recursive: true })
  })

  it('may ask nobody but the server it came from and the Hub, in the page and in its worker', async () => {
    const answer = await page.goto(served.url)
    expect(answer?.headers()['content-security-policy']).toContain(
      "connect-src 'self' https://huggingface.co https://*.hf.co;",
    )
    const policy = await page.locator('meta[http-equiv="content-security-policy"]').getAttribute('content')
    expect(policy).toContain("default-src 'none'")
    await isOpened(page)
    const [worker] = page.workers()
    const ask = `fetch('https://elsewhere.test/').then(() => 'sent', () => 'refused')`
    expect([await page.evaluate(ask), await worker!.evaluate(ask)]).toEqual(['refused', 'refused'])
    expect(wrong.splice(0).join('\n')).toContain('violates the following Content Security Policy directive')
  })

  it('runs on one thread where pages may not share memory, and says so', async () => {
    await page.route('**/*', async (route) => {
      const response = await route.fetch()
      const headers = { ...response.headers() }
      delete headers['cross-origin-embedder-policy']
      await route.fulfill({ response, headers })
    })
    expect(await visit(page, served.url)).toContain('1 thread')
    expect(await textOf(page, 'reason')).toBe(
      'Why there: the CPU engine, because the only adapter is software: WebGPU on google swiftshader (software); on one thread, ' +
        'because this page may not share memory between threads (it is not cross-origin isolated).',
    )
  })

  it('fits a phone, with nothing too small for a finger', async () => {
    await page.setViewportSize({ width: 360, height: 740 })
    await visit(page, served.url)
    await page.locator('#steps').fill('2')
    await page.locator('#start').click()
    await isTrained(page)
    const letters = await page.locator('svg text').evaluateAll((elements) =>
      elements.map((element) => {
        const { width = 0 } = element.closest('svg')?.getBoundingClientRect() ?? {}
        const drawn = element.closest('svg')?.viewBox.baseVal.width ?? Infinity
        return (Number.parseFloat(getComputedStyle(element).fontSize) * width) / drawn
      }),
    )
    expect(letters.length).toBeGreaterThan(8)
    expect(Math.min(...letters)).toBeGreaterThan(11.5)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    const heights = await page
      .locator('button:visible, select:visible, textarea:visible, input[type=number]:visible')
      .evaluateAll((elements) => elements.map((element) => element.getBoundingClientRect().height))
    expect(heights.length).toBeGreaterThan(10)
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(44)
    const nameless = await page
      .locator('button, select, textarea, input')
      .evaluateAll((elements) =>
        (elements as HTMLInputElement[])
          .filter((element) => element.labels?.length === 0 && element.textContent === '')
          .map(({ id }) => id),
      )
    expect(nameless).toEqual([])
  })
})

it('says plainly that there is no WebGPU, and goes on with the CPU engine', async () => {
  const plain = await openBrowser()
  const server = await servePage()
  const there = await plain.newPage()
  there.setDefaultTimeout(60_000)
  expect(await visit(there, server.url)).toContain('on CPU engine (WebAssembly')
  expect(await textOf(there, 'reason')).toMatch(/^Why there: the CPU engine, because this browser has /)
  await there.locator('#engine').selectOption('webgpu')
  await there.locator('#error').filter({ hasText: 'openDevice: there is no WebGPU, this browser has' }).waitFor()
  await plain.close()
  await server.close()
})
