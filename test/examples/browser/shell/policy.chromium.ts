import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openBrowser, webGpuFlags } from '../../../device/browser.ts'
import { download, isOpened, trainTenSteps } from '../drive-page.ts'
import { serveBuiltPage, type ServedPage } from '../serve-page.ts'

let folder: string
let browser: Browser
let served: ServedPage

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'medaware-policy-'))
  served = await serveBuiltPage(folder)
  browser = await openBrowser(webGpuFlags)
})
afterAll(async () => {
  await browser.close()
  await served.close()
  await rm(folder, { recursive: true })
})

/** A page of its own, with what its console says of errors: violations in workers are there too. */
async function openPage(): Promise<{ page: Page; complaints: string[]; asked: string[] }> {
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  const [complaints, asked]: [string[], string[]] = [[], []]
  page.context().on('request', (request) => asked.push(request.url()))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', ({ message }) => complaints.push(message))
  await page.addInitScript(`addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
    console.error('violated', violatedDirective, blockedURI))`)
  await page.goto(served.url)
  await isOpened(page)
  return { page, complaints, asked }
}

it('asks its own server alone, and does nothing that its policy forbids, in a whole visit', async () => {
  const { page, complaints, asked } = await openPage()
  await page.evaluate('navigator.serviceWorker.ready.then(() => null)')
  await trainTenSteps(page)
  await page.locator('#train-status', { hasText: 'Done: step 10 of 10.' }).waitFor()
  await download(page)
  expect(complaints).toEqual([])
  // Of the page, of its worker, of the threads of that, and of the service worker.
  for (const name of [
    /\/model-[\w-]+\.safetensors$/,
    /\/wasm-\w+\.generated-/,
    /^blob:/,
    /\/icon-maskable-512\.png$/,
  ]) {
    expect(
      asked.some((url) => name.test(url)),
      name.source,
    ).toBe(true)
  }
  const { origin } = new URL(served.url)
  expect(asked.filter((url) => new URL(url).origin !== origin)).toEqual([])
  await page.close()
})

it('lets neither text become script or markup, nor a frame or a style in', async () => {
  const { page, complaints } = await openPage()
  const outcome = (act: string) =>
    page.evaluate<string>(`(() => { try { ${act}; return 'done' } catch (error) { return error.name } })()`)
  expect(await outcome(`document.body.innerHTML += '<p>'`)).toBe('TypeError')
  expect(await outcome(`new Worker('https://elsewhere.test/x.js')`)).toBe('TypeError')
  expect(complaints.splice(0).join('\n')).toMatch(/'TrustedHTML'[^]*'TrustedScriptURL'/)
  const refused = {
    'style-src': `Object.assign(document.body.appendChild(document.createElement('style')), { textContent: 'p {}' })`,
    'script-src': `void import('https://elsewhere.test/x.js').catch(() => {})`,
    'img-src': `new Image().src = 'https://elsewhere.test/x.png'`,
    'frame-src': `document.body.appendChild(document.createElement('iframe')).src = 'https://elsewhere.test/'`,
    'connect-src': `navigator.sendBeacon('https://elsewhere.test/', 'x')`,
  }
  for (const [directive, act] of Object.entries(refused)) {
    await outcome(act)
    await expect.poll(() => complaints.join('\n'), { timeout: 10_000 }).toContain(`violated ${directive}`)
  }
  await page.close()
})

it('stands in no frame of another page', async () => {
  const page = await browser.newPage()
  await page.route('http://127.0.0.1:8123/', (route) =>
    route.fulfill({ contentType: 'text/html', body: `<iframe src="${served.url}"></iframe>` }),
  )
  await page.goto('http://127.0.0.1:8123/')
  await expect.poll(() => page.frames()[1]?.url(), { timeout: 10_000 }).toBe('chrome-error://chromewebdata/')
  await page.close()
})
