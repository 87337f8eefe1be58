import { createHash } from 'node:crypto'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openBrowser, openPage } from '../../device/browser.ts'
import { tinyBytes } from '../tiny-files.ts'

const script = `
  import { cachedModels, loadModel, openDevice } from './src/index.ts'
  import { openCacheStore } from './src/platform/browser.ts'
  globalThis.logits = async () => {
    const { device } = await openDevice({ device: 'cpu', cpu: { threads: 1 } })
    const { model } = await loadModel('lab/tiny', { device, hub: { endpoint: 'https://page.test/hub' } })
    const output = model.forward({ inputIds: Int32Array.of(5, 6, 7, 8), shape: [1, 4] })
    const values = [...await output.read()]
    device.dispose()
    return values
  }
  globalThis.kept = async () => {
    const { store } = await openCacheStore()
    return { models: await cachedModels(), name: store.name }
  }
  globalThis.withoutOpfs = () => {
    StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'))
  }
  globalThis.isReady = true`

const commit = 'c0ffee'.padEnd(40, '0')
let browser: Browser
let files: Record<string, Uint8Array>
beforeAll(async () => {
  browser = await openBrowser()
  files = { 'config.json': await tinyBytes('config.json'), 'model.safetensors': await tinyBytes('model.safetensors') }
})
afterAll(() => browser.close())

/** The Hub beside a page; gives the addresses that it is asked for. */
async function serveHub(page: Page): Promise<string[]> {
  const asked: string[] = []
  await page.route('https://page.test/hub/**', (route) => {
    const path = route.request().url().slice('https://page.test/hub/'.length)
    asked.push(path)
    if (path === 'api/models/lab/tiny/revision/main?blobs=true') {
      const siblings = Object.entries(files).map(([rfilename, content]) => {
        const sha256 = createHash('sha256').update(content).digest('hex')
        return { rfilename, size: content.length, lfs: { sha256, size: content.length } }
      })
      return route.fulfill({ body: JSON.stringify({ sha: commit, siblings }) })
    }
    const body = files[path.replace(`lab/tiny/resolve/${commit}/`, '')]
    return body === undefined ? route.fulfill({ status: 404 }) : route.fulfill({ body: Buffer.from(body) })
  })
  return asked
}

it.each([
  ['', "this browser's file system for the page (OPFS)"],
  ['withoutOpfs()', 'the Cache API of this browser'],
])('a second visit reads no network and gives the same logits: %s %s', async (before, name) => {
  const page = await openPage(browser, script, {})
  const asked = await serveHub(page)
  const visit = async (): Promise<unknown> => {
    await page.waitForFunction('globalThis.isReady')
    if (before !== '') await page.evaluate(before)
    return page.evaluate('logits()')
  }
  const first = await visit()
  expect(asked).toEqual([
    'api/models/lab/tiny/revision/main?blobs=true',
    ...Object.keys(files).map((file) => `lab/tiny/resolve/${commit}/${file}`),
  ])
  await page.reload()
  expect(await visit()).toEqual(first)
  expect(asked).toHaveLength(3)
  const bytes = Object.values(files).reduce((sum, { length }) => sum + length, 0)
  expect(await page.evaluate('kept()')).toEqual({
    models: [{ name: 'lab/tiny', bytes, incompleteBytes: 0, revisions: { main: commit } }],
    name,
  })
  await page.close()
})
