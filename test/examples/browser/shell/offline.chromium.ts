import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { openBrowser } from '../../../device/browser.ts'
import { isOpened, isTrained, textOf, trainTenSteps } from '../drive-page.ts'
import { buildPage, servePage } from '../serve-page.ts'
import { PlainHost } from './plain-host.ts'

let folder: string
let browser: Browser
let context: BrowserContext
let host: PlainHost
let page: Page
let wrong: string[]

/** Two versions of the page, of which the second has other names for its files. */
const version = (name: 'first' | 'second') => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'medaware-offline-'))
  await buildPage(version('first'))
  const output = { chunkFileNames: 'assets/second-[hash].js', entryFileNames: 'assets/second-[name]-[hash].js' }
  await buildPage(version('second'), { rolldownOptions: { output } })
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await rm(folder, { recursive: true })
})
beforeEach(async () => {
  host = await PlainHost.start(version('first'))
  context = await browser.newContext()
  page = await visitAnew()
})
afterEach(async () => {
  await context.close()
  await host.close()
  expect(wrong).toEqual([])
})

/** Opens the page as one more tab, and waits until it is kept. */
async function visitAnew(): Promise<Page> {
  const visit = await context.newPage()
  visit.setDefaultTimeout(60_000)
  wrong = []
  visit.on('pageerror', ({ message }) => wrong.push(message))
  // What a plain host sends is loaded once more, with headers, if nobody is at it: a script of the test counts as such.
  const isFirst = (await visit.goto(host.url))?.fromServiceWorker() === false
  if (isFirst) await visit.waitForEvent('load')
  expect(await visit.evaluate('crossOriginIsolated && navigator.serviceWorker.controller !== null')).toBe(true)
  await isOpened(visit)
  return visit
}

/** Which version a page is of, by its script. */
async function versionOf(visit: Page): Promise<string> {
  const script = await visit.locator('script[type=module]').first().getAttribute('src')
  return script?.includes('/second-') ? 'second' : 'first'
}

async function cacheNames(): Promise<string[]> {
  return page.evaluate<string[]>('caches.keys()')
}

it('trains and answers without a server after the first visit, on all threads', async () => {
  await host.close()
  await page.reload()
  await isOpened(page)
  expect(await textOf(page, 'opened')).toMatch(/on CPU engine \(.* [2-9]\d* threads\)\.$/)
  const { first, last } = await trainTenSteps(page)
  expect(last).toBeLessThan(first)
  await page.locator('#train-status', { hasText: 'Done: step 10 of 10.' }).waitFor()
  const [answer] = await page.locator('#samples .answer').allTextContents()
  expect(answer?.length).toBeGreaterThan(5)
})

it('gives a page under its own address alone, and obeys the policy that a plain host does not send', async () => {
  const answer = await page.reload()
  expect(answer?.fromServiceWorker()).toBe(true)
  expect(answer?.headers()['content-security-policy']).toContain("frame-ancestors 'none'")
  const elsewhere = await context.newPage()
  const missing = await elsewhere.goto(`${host.url}docs/`)
  expect([missing?.status(), missing?.fromServiceWorker()]).toEqual([404, false])
  await isOpened(page)
  const [worker] = page.workers()
  expect(await worker?.evaluate(`fetch('https://elsewhere.test/').then(() => 'sent', () => 'refused')`)).toBe('refused')
})

it('says that there is a new version, which comes with the next load; what is open keeps its own scripts', async () => {
  const [before, after] = await Promise.all(
    (['first', 'second'] as const).map((name) => readdir(join(version(name), 'assets'))),
  )
  const [old = ''] = before?.filter((name) => !after?.includes(name)) ?? []
  host.folder = version('second')
  expect((await fetch(`${host.url}assets/${old}`)).status).toBe(404)
  await page.evaluate('navigator.serviceWorker.ready.then((kept) => kept.update())')
  await page
    .getByRole('status')
    .filter({ hasText: /^A new version of this page is ready\./ })
    .waitFor()
  expect(await versionOf(page)).toBe('first')
  expect(await page.evaluate(`fetch('./assets/${old}').then(({ status }) => status)`)).toBe(200)
  expect(await cacheNames()).toHaveLength(2)

  await page.reload()
  await isOpened(page)
  expect(await versionOf(page)).toBe('second')
  // The first is forgotten when no page may be of it.
  await page.goto('about:blank')
  page = await visitAnew()
  await expect.poll(cacheNames).toHaveLength(1)
  await host.close()
  await page.reload()
  await isOpened(page)
  expect(await versionOf(page)).toBe('second')
})

it('takes no version of which a file is that of another, and stays with the one it has', async () => {
  const torn = join(folder, 'torn')
  await cp(version('second'), torn, { recursive: true })
  await writeFile(join(torn, 'icons/icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  host.folder = torn
  const ending = `navigator.serviceWorker.ready.then((kept) => kept.update()).then((kept) => new Promise((resolve) => {
    const { installing } = kept
    installing.onstatechange = () => resolve(installing.state)
  }))`
  expect(await page.evaluate(ending)).toBe('redundant')
  await page.reload()
  await isOpened(page)
  expect(await versionOf(page)).toBe('first')
})

it('leaves a page alone that somebody is at before it is kept', async () => {
  const busy = await browser.newContext()
  const visit = await busy.newPage()
  // A slow network: the service worker comes when somebody has begun.
  let goOn = () => {}
  const hasBegun = new Promise<void>((resolve) => (goOn = resolve))
  await busy.route('**/service-worker.js', async (route) => {
    await hasBegun
    await route.continue()
  })
  await visit.goto(host.url)
  await isOpened(visit)
  await visit.locator('#steps').click()
  await visit.locator('#steps').fill('2')
  goOn()
  const controlled = () => visit.evaluate('navigator.serviceWorker.controller !== null')
  await expect.poll(controlled, { timeout: 60_000 }).toBe(true)
  expect(await visit.evaluate('crossOriginIsolated')).toBe(false)
  await visit.locator('#start').click()
  await isTrained(visit)
  expect(await textOf(visit, 'figure-step')).toBe('2 of 2')
  await busy.close()
})

it('keeps nothing in development', async () => {
  const server = await servePage()
  await page.goto(server.url)
  await isOpened(page)
  expect(await page.evaluate('navigator.serviceWorker.getRegistrations().then(({ length }) => length)')).toBe(0)
  await server.close()
})
