import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRequire } from 'node:module'
import type { AxeResults, RunOptions } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBrowser } from '../../../device/browser.ts'
import { isOpened, trainTenSteps } from '../drive-page.ts'
import { serveBuiltPage, type ServedPage } from '../serve-page.ts'

/** Every rule of WCAG 2.0 to 2.2 on the levels A and AA, and axe's own good habits. */
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const looks = [
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 390 },
  { colorScheme: 'dark', width: 390 },
] as const

let axe: string
let folder: string
let browser: Browser
let served: ServedPage

beforeAll(async () => {
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  browser = await openBrowser()
  folder = await mkdtemp(join(tmpdir(), 'medaware-axe-'))
  served = await serveBuiltPage(folder)
})
afterAll(async () => {
  await browser.close()
  await served.close()
  await rm(folder, { recursive: true })
})

/** What axe finds wrong in the page as it is now: the rule, and each place. */
async function violations(page: Page): Promise<string[]> {
  const options: RunOptions = { runOnly: tags, resultTypes: ['violations'] }
  const found = await page.evaluate<AxeResults['violations']>(
    `axe.run(document, ${JSON.stringify(options)}).then(({ violations }) => violations)`,
  )
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary = '' }) => `${id} at ${target.join(' ')}: ${failureSummary}`),
  )
}

/** The page's states, in the order in which a person brings them about. */
const states: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  'as it opens': async () => {},
  'with all that can be unfolded': async (page) => {
    await page.locator('details').evaluateAll((all) => all.forEach((one) => one.setAttribute('open', '')))
  },
  'in training': async (page) => {
    await page.locator('#steps').fill('2000')
    await page.locator('#start').click()
    await page.locator('#figure-step', { hasText: ' of 2,000' }).waitFor()
  },
  'stopped, and trained': async (page) => {
    await page.locator('#stop').click()
    await page.locator('#save:enabled').waitFor()
    await trainTenSteps(page)
    await page.locator('#train-status', { hasText: 'Done: step 10 of 10.' }).waitFor()
  },
  'with data that cannot be read': async (page) => {
    await page.locator('#data').fill('{"question": "Why?"')
    await page.locator('#data-status.is-wrong').waitFor()
  },
  'with an error': async (page) => {
    await page.locator('#engine').selectOption('webgpu')
    await page.locator('#error:visible').waitFor()
  },
}

describe.each(looks)('$colorScheme, $width pixels wide', ({ colorScheme, width }) => {
  it('has nothing that axe-core objects to, in any state', async () => {
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } })
    page.setDefaultTimeout(60_000)
    await page.addInitScript(axe)
    await page.goto(served.url)
    await isOpened(page)
    for (const [name, reach] of Object.entries(states)) {
      await reach(page)
      expect(await violations(page), name).toEqual([])
    }
    await page.close()
  })
})

it('knows a page that has faults', async () => {
  const page = await browser.newPage()
  await page.addInitScript(axe)
  await page.goto(
    'data:text/html,<title>a</title><main><h1>a</h1><p style="color:silver;background:white">Too pale to read</p><input></main>',
  )
  expect((await violations(page)).map((text) => text.split(' at ')[0]).sort()).toEqual([
    ...['color-contrast', 'html-has-lang', 'label'],
  ])
  await page.close()
})
