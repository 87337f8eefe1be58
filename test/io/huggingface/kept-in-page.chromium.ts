import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openBrowser, openPage } from '../../device/browser.ts'
import { tinyBytes } from '../tiny-files.ts'
import { fakeCommit as commit } from './fake-hub.ts'
import { serveHub } from './hub-beside-page.ts'

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

let browser: Browser
let files: Record<string, Uint8Array>
beforeAll(async () => {
  browser = await openBrowser()
  files = { 'config.json': await tinyBytes('config.json'), 'model.safetensors': await tinyBytes('model.safetensors') }
})
afterAll(() => browser.close())

it.each([
  ['', "this browser's file system for the page (OPFS)"],
  ['withoutOpfs()', 'the Cache API of this browser'],
])('a second visit reads no network and gives the same logits: %s %s', async (before, name) => {
  const page = await openPage(browser, script, {})
  const asked = await serveHub(page, files)
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
