import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openBrowser, openPage } from '../browser.ts'

const script = `
  import { openCpuDevice } from './src/device/cpu/cpu-device.ts'
  globalThis.tryOut = async (options) => {
    const device = await openCpuDevice(options)
    const count = 100_003
    const window = { buffer: device.memory.allocate(4 * count, 'x'), byteOffset: 0, byteLength: 4 * count }
    const other = { buffer: device.memory.allocate(4 * count, 'y'), byteOffset: 0, byteLength: 4 * count }
    for (let i = 0; i < 200; i++) {
      device.run('fill', { out: window }, { count, value: i })
      device.run('accumulate', { x: window, target: other }, { count, alpha: 1 })
    }
    const sums = new Set(new Float32Array((await device.download(other)).buffer))
    const { description, whyOneThread } = device
    device.dispose()
    return { threads: /\\d+ threads?/.exec(description)?.[0], whyOneThread, sums: [...sums] }
  }
  globalThis.isReady = true`
const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
const sums = [19_900]

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())

async function tryOut(page: Page, threads: number): Promise<unknown> {
  await page.waitForFunction('globalThis.isReady')
  return page.evaluate(`tryOut({ threads: ${threads} })`)
}

it('runs on threads in a page that is cross-origin isolated, and ends them with the device', async () => {
  const page = await openPage(browser, script, isolated)
  expect(await tryOut(page, 3)).toEqual({ threads: '3 threads', whyOneThread: null, sums })
  await expect.poll(() => page.workers().length, { timeout: 20_000 }).toBe(0)
  await page.close()
})

it('runs on one thread in any other page, and says why', async () => {
  const page = await openPage(browser, script, {})
  expect(await tryOut(page, 3)).toEqual({
    threads: '1 thread',
    whyOneThread: 'this page may not share memory between threads (it is not cross-origin isolated)',
    sums,
  })
  await page.close()
})

it('runs on one thread where the page forbids scripts from a Blob, and says why', async () => {
  const page = await openPage(browser, script, { ...isolated, 'content-security-policy': "worker-src 'self'" })
  expect(await tryOut(page, 3)).toEqual({
    threads: '1 thread',
    whyOneThread: "worker threads cannot be had (the page's Content-Security-Policy must allow blob: in worker-src)",
    sums,
  })
  await page.close()
})
