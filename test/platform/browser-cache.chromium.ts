import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openBrowser, openPage } from '../device/browser.ts'

const script = `
  import { readCache, writeCache } from './src/platform/browser.ts'
  globalThis.tryOut = async () => {
    const before = await readCache('a.json')
    await writeCache('a.json', 'one')
    await writeCache('a.json', 'two')
    return { before, after: await readCache('a.json'), other: await readCache('b.json') }
  }
  globalThis.tryWithout = async () => {
    Object.defineProperty(globalThis, 'caches', { get: () => { throw new DOMException('no', 'SecurityError') } })
    await writeCache('a.json', 'three')
    return readCache('a.json')
  }
  globalThis.isReady = true`

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())

it('keeps texts in a page, and does without where it may not', async () => {
  const page = await openPage(browser, script, {})
  await page.waitForFunction('globalThis.isReady')
  expect(await page.evaluate('tryOut()')).toEqual({ before: null, after: 'two', other: null })
  expect(await page.evaluate('tryWithout()')).toBeNull()
})
