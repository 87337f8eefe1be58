import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openBrowser, webGpuFlags } from '../../device/browser.ts'
import { root } from '../../programs/run-program.ts'
import { buildPages, type Served, serveFolder } from '../build-site.ts'

const built = join(root, 'out/test-docs')
const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
const pages = [
  ...['nf4', 'double-quantisation', 'lora', 'the-tape', 'kernels'].map((name) => `explained/${name}`),
  ...['quantise', 'train', 'adapters'].map((name) => `try/${name}`),
]

let browser: Browser
let served: Served
let context: BrowserContext
let page: Page
/** Errors of pages, and requests that went elsewhere. */
let wrong: string[]
/** Paths that were asked for. */
let asked: string[]

beforeAll(async () => {
  await buildPages((name) => pages.includes(name.replace('.md', '')), built)
  served = await serveFolder(built, isolation)
  browser = await openBrowser()
}, 600_000)
afterAll(async () => {
  await browser.close()
  await served.close()
  await rm(built, { recursive: true })
})
beforeEach(async () => {
  context = await browser.newContext()
  page = await visit(context)
})
afterEach(async () => {
  await context.close()
  expect(wrong).toEqual([])
})

async function visit(place: BrowserContext): Promise<Page> {
  wrong = []
  asked = []
  const opened = await place.newPage()
  opened.setDefaultTimeout(60_000)
  opened.on('pageerror', ({ message }) => wrong.push(message))
  opened.on('console', (said) => {
    if (said.type() === 'error') wrong.push(said.text())
  })
  opened.on('request', (request) => {
    const { origin, pathname, protocol } = new URL(request.url())
    if (origin !== served.url && !['blob:', 'data:'].includes(protocol)) wrong.push(`asked ${request.url()}`)
    asked.push(pathname)
  })
  return opened
}

/** Opens a page of the site and scrolls to its figure, which then loads. */
async function openFigure(name: string): Promise<void> {
  await page.goto(`${served.url}/${name}.html`)
  await page.locator('.live').scrollIntoViewIfNeeded()
  await page.locator('.live :is(input, select)').first().waitFor()
}

/** The cells of a row of a table of the figure, by the row's name. */
async function cells(row: string): Promise<string[]> {
  const found = page.locator('.live tbody tr').filter({ has: page.getByRole('rowheader', { name: row, exact: true }) })
  return found.first().locator('td').allInnerTexts()
}

const numbersIn = (text: string): number[] =>
  [...text.matchAll(/-?\d+(?:\.\d+)?(?:e[+-]\d+)?/g)].map(([found]) => Number(found))
const status = () => page.locator('.live [role=status]').last()
const press = (name: string) => page.getByRole('button', { name, exact: true }).click()

/** Moves a slider by its keys, as a person without a mouse does. */
async function slide(label: string, key: string, times = 1): Promise<void> {
  await page.getByRole('slider', { name: label, exact: true }).focus()
  for (let i = 0; i < times; i++) await page.keyboard.press(key)
}

describe('explained', () => {
  it('NF4: loses less than FP4 and even steps in every block size, of random and of given numbers', async () => {
    await openFigure('explained/nf4')
    const blockSize = 'Numbers that share a scale (block size)'
    const errorOf = async (format: string) => numbersIn((await cells(format))[1] ?? '')[0] ?? NaN
    for (let size = 32; size <= 4096; size *= 2) {
      if (size === 32) await slide(blockSize, 'Home')
      else await slide(blockSize, 'ArrowRight')
      await page
        .locator('caption', { hasText: `What is lost in blocks of ${size}` })
        .first()
        .waitFor()
      const [nf4, fp4, even, int8] = await Promise.all(['NF4', 'FP4', '4 bits, even steps', 'int8'].map(errorOf))
      expect(nf4).toBeLessThan(fp4 ?? 0)
      expect(nf4).toBeLessThan(even ?? 0)
      expect(int8).toBeLessThan(nf4 ?? 0)
    }
    await page.getByText('Numbers of your own').click()
    const box = page.getByLabel('Lines of numbers')
    await box.fill('1, 0.5, 0.25')
    await page.getByText('3 numbers of yours.').waitFor()
    await box.fill('1, half')
    await page.getByText('Line 1: "half" is no number of 32 bits. Shown are random weights.').waitFor()
  })

  it('double quantisation: says what a weight takes', async () => {
    await openFigure('explained/double-quantisation')
    const [single, double] = [await cells('scales in 32 bits'), await cells('scales in 8 bits')]
    expect([single[0], double[0]]).toEqual(['4.500', '4.127'])
    expect(single[1]).toBe('0.675 GB')
    await slide('Block size', 'ArrowRight')
    await expect.poll(() => cells('scales in 32 bits')).toContain('4.250')
  })

  it('LoRA: counts, and learns an update down to what its rank can reach', async () => {
    await openFigure('explained/lora')
    expect((await cells('LoRA')).slice(0, 2)).toEqual(['131,072', '1.04%'])
    await slide('Rank r', 'ArrowRight')
    await expect.poll(() => cells('LoRA')).toContain('139,264')
    await press('Learn the update')
    await page.getByText('Step 300 of 300').waitFor()
    const [, , reached, , least] = numbersIn(await status().innerText())
    expect((reached ?? NaN) / (least ?? NaN)).toBeCloseTo(1, 1)
    await page
      .getByRole('img', { name: /^Wanted: 4, 3, 2, 1, 0\.5, 0\.25\. Learned: (4|3\.99|4\.0\d*), (3|2\.99|3\.0\d*), / })
      .waitFor()
  })

  it('the tape: fills gradients in from the last record to the first, and they equal finite differences', async () => {
    await openFigure('explained/the-tape')
    await slide('x', 'ArrowLeft', 4)
    for (let walked = 1; walked <= 5; walked++) {
      await press('Back over one record')
      await expect.poll(() => page.locator('.live-tape .is-reached').count()).toBe(walked)
      const reached = await page.locator('.live-tape .is-reached .live-tape-number').allInnerTexts()
      expect(reached.map(Number)).toEqual([1, 2, 3, 4, 5].slice(5 - walked))
    }
    const told = await status().innerText()
    const found = [...told.matchAll(/= (-?[\d.]+) \(finite difference: (-?[\d.]+)\)/g)].map(
      ([, a, b]) => [Number(a), Number(b)] as const,
    )
    expect(found).toHaveLength(2)
    for (const [gradient, difference] of found) {
      expect(Math.abs(gradient)).toBeGreaterThan(0.01)
      expect(difference).toBeCloseTo(gradient, 3)
    }
  })

  it('kernels: multiplies on the CPU engine, and says that there is no WebGPU', async () => {
    await openFigure('explained/kernels')
    await press('Multiply on this device')
    await page.getByText(/^One engine of two ran\. openDevice: there is no WebGPU/).waitFor()
    const [time, rate, off] = await cells('CPU engine')
    expect(numbersIn(time ?? '')[0]).toBeGreaterThan(0)
    expect(Number(rate)).toBeGreaterThan(0)
    expect(Number(off)).toBeLessThan(1e-3)
  })

  it('kernels: both twins, where there is an adapter', async () => {
    const other = await openBrowser(webGpuFlags)
    try {
      page = await visit(await other.newContext())
      await openFigure('explained/kernels')
      await page.getByLabel('Rows and columns').selectOption('128')
      await press('Multiply on this device')
      await page.getByText(/^The twins differ by /).waitFor()
      expect(numbersIn(await status().innerText())[0]).toBeLessThan(1e-3)
      expect(Number((await cells('WebGPU'))[2])).toBeLessThan(1e-3)
      expect((await cells('WebGPU'))[3]).toMatch(/swiftshader/i)
    } finally {
      await other.close()
    }
  })
})

describe('try it here', () => {
  it('quantises a random matrix and a pasted one, and draws the errors', async () => {
    await openFigure('try/quantise')
    await press('Run')
    await page.getByText(/^128 × 128 numbers went through NF4 and back/).waitFor()
    expect(numbersIn((await cells('RMS error'))[0] ?? '')[0]).toBeCloseTo(9.2, 0)
    expect((await cells('Bytes now'))[0]).toBe('8,456 (4.13 bits a number)')
    const inked = await page.locator('canvas').evaluate((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement
      const { data } = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height) ?? { data: [] }
      return [width, height, [...data].filter((value, i) => i % 4 === 3 && value > 20).length]
    })
    expect(inked.slice(0, 2)).toEqual([128, 128])
    expect(inked[2]).toBeGreaterThan(128 * 128 * 0.3)

    await page.getByRole('checkbox', { name: 'doubleQuant' }).uncheck()
    await page.getByRole('combobox', { name: 'type' }).selectOption('fp4')
    await page.getByLabel('Or a matrix of your own').fill('1,2\n3,4\n5,x')
    await press('Run')
    await page.getByText('Line 3: "x" is no number of 32 bits').waitFor()
    await page.getByLabel('Or a matrix of your own').fill('1,2\n3,4\n5,6')
    await press('Run')
    await page.getByText(/^3 × 2 numbers went through FP4/).waitFor()
    expect((await cells('Bytes now'))[0]).toMatch(/^7 /)
  })

  it('trains the small Falcon ten steps in a worker, fetched at the click; the loss falls and the answer changes', async () => {
    await openFigure('try/train')
    expect(asked.filter((path) => /safetensors|jsonl|thread/.test(path))).toEqual([])
    await press('Run')
    await page.getByText('Done: 10 steps.').waitFor()
    expect(asked.filter((path) => /safetensors|jsonl|thread/.test(path)).length).toBeGreaterThanOrEqual(3)
    const ends = /loss: ([\d.]+) at 1, ([\d.]+) at 10/.exec(
      (await page.locator('.live-plot svg').getAttribute('aria-label')) ?? '',
    )
    expect(Number(ends?.[2])).toBeLessThan(0.7 * Number(ends?.[1]))
    const [before, after] = await page.locator('.live-answers dd').allInnerTexts()
    expect(before?.length).toBeGreaterThan(20)
    expect(after?.length).toBeGreaterThan(20)
    expect(after).not.toBe(before)
    await page.getByText('The numbers').click()
    await expect.poll(() => page.locator('.live tbody tr').count()).toBe(10)
  })

  it('stops when asked, and can be run again', async () => {
    await openFigure('try/train')
    await page.getByLabel('steps').fill('500')
    await press('Run')
    await page.getByText(/^Step \d+ of 500/).waitFor()
    await press('Stop')
    await page.getByText('Stopped. Run begins anew.').waitFor()
    await page.getByLabel('steps').fill('2')
    await press('Run')
    await page.getByText('Done: 2 steps.').waitFor()
  })

  it('runs on one thread where the server sends no headers, and says so', async () => {
    const plain = await serveFolder(built, {})
    const isolated = served
    try {
      served = plain
      await openFigure('try/train')
      await page.getByLabel('steps').fill('1')
      await press('Run')
      await page.getByText('Done: 1 steps.').waitFor()
      await page.getByText(/It runs on: the CPU engine, .*; on one thread, because /).waitFor()
    } finally {
      served = isolated
      await plain.close()
    }
  })

  it('compares adapters on the same questions: each learns, and they begin alike', async () => {
    await openFigure('try/adapters')
    await page.getByLabel('steps').fill('6')
    await page.getByLabel('(IA)³').check()
    await page.getByLabel('DoRA, r = 4').uncheck()
    await press('Run')
    await page.getByText('Done: 3 methods, 6 steps each.').waitFor()
    const base = Number((await cells('The base alone')).at(-1))
    const trained: number[] = []
    for (const name of ['LoRA, r = 4', 'LoRA, r = 16', '(IA)³']) {
      const row = await cells(name)
      trained.push(Number(row[0]?.replaceAll(',', '')))
      expect(Number(row.at(-1))).toBeLessThan(base)
    }
    expect(trained[1]).toBe(4 * (trained[0] ?? NaN))
    const curves = (await page.locator('.live-plot svg').getAttribute('aria-label')) ?? ''
    const starts = [...curves.matchAll(/: ([\d.]+) at 1,/g)].map(([, loss]) => Number(loss))
    expect(starts).toHaveLength(3)
    // Adapters begin as the base, over the same batch.
    expect(new Set(starts).size).toBe(1)
  })
})

describe('each page', () => {
  it.each(pages)('%s: has no fault that axe-core finds, in light and dark, wide and on a phone', async (name) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1280, 390]) {
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize({ width, height: 840 })
        await openFigure(name)
        if (name === 'try/quantise') await press('Run')
        if (name === 'explained/the-tape') await press('All the way back')
        await page.evaluate(axe.source)
        const faults = await page.evaluate(async () => {
          const { violations } = await (Reflect.get(globalThis, 'axe') as typeof axe).run('.vp-doc')
          return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)
        })
        expect(faults, `${colorScheme}, ${width}`).toEqual([])
        const beyond = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        )
        expect(beyond, `wider than the screen of ${width}`).toBe(0)
      }
    }
  })

  it('loads no figure before it comes into view, and reads without JavaScript', async () => {
    const still = await browser.newContext({ javaScriptEnabled: false })
    const plain = await still.newPage()
    await plain.goto(`${served.url}/explained/nf4.html`)
    expect(await plain.getByRole('img', { name: 'The 16 levels of NF4 under the normal curve' }).isVisible()).toBe(true)
    expect(await plain.locator('.live').innerText()).toContain('It needs JavaScript')
    await plain.goto(`${served.url}/try/train.html`)
    expect(await plain.locator('.vp-doc pre').first().innerText()).toContain('startWorker')
    await still.close()

    await page.setViewportSize({ width: 390, height: 600 })
    await page.goto(`${served.url}/explained/nf4.html`, { waitUntil: 'networkidle' })
    expect(asked.filter((path) => path.includes('nf4-figure'))).toEqual([])
    await page.locator('.live').scrollIntoViewIfNeeded()
    await expect.poll(() => asked.filter((path) => path.includes('nf4-figure')).length).toBe(1)
  })
})
