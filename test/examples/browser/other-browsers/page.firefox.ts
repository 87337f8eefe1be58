import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { serveBuiltPage, type ServedPage } from '../serve-page.ts'
import { openFirefox } from './firefox.ts'
import { choose, holds, isEnabled, type OtherBrowser, paste, says, textIn } from './other-browser.ts'
import { openIn, stopAndAsk, trainAndTakeAlong } from './whole-visit.ts'

let folder: string
let served: ServedPage
let browser: OtherBrowser

beforeAll(async () => {
  browser = await openFirefox()
  folder = await mkdtemp(join(tmpdir(), 'medaware-built-'))
  served = await serveBuiltPage(folder)
})
afterAll(async () => {
  await browser?.close()
  await served?.close()
  if (folder !== undefined) await rm(folder, { recursive: true })
})

it('opens, trains, stops, answers and hands out an adapter on the CPU engine', async () => {
  const { opened, reason } = await openIn(browser, served.url)
  console.log(`${browser.name}: ${opened} ${reason}`)
  expect(opened).toMatch(
    /^examples\/medquad\/base: 1,25\d,\d{3} parameters in .* on CPU engine \(.* [2-9]\d* threads\)\.$/,
  )
  await trainAndTakeAlong(browser)
  await stopAndAsk(browser)
})

it('comes without a server once it was visited', async () => {
  await browser.evaluate('navigator.serviceWorker.ready.then(() => null)')
  await served.close()
  await browser.goto(served.url)
  await holds(browser, isEnabled('reload'))
  expect(await textIn(browser, 'opened')).toContain('1,25')
  expect(await browser.evaluate('crossOriginIsolated')).toBe(true)
})

it('trains on WebGPU where there is an adapter, and says why it does not where there is none', async () => {
  // Behind preferences on Linux: this Firefox has WebGPU by itself on Windows and macOS alone.
  const preferences = ['dom.webgpu.enabled', 'dom.webgpu.workers.enabled', 'gfx.webgpu.ignore-blocklist']
  const capable = await openFirefox(Object.fromEntries(preferences.map((name) => [name, true])))
  const server = await serveBuiltPage(folder)
  try {
    await openIn(capable, server.url)
    const hasAdapter = await capable.evaluate('navigator.gpu.requestAdapter().then((adapter) => adapter !== null)')
    console.log(
      `${capable.name}: ${hasAdapter === true ? 'a' : 'NO'} WebGPU adapter. ${await textIn(capable, 'reason')}`,
    )
    await choose(capable, 'engine', 'webgpu')
    if (hasAdapter !== true) {
      await expect(holds(capable, isEnabled('start'))).rejects.toThrow(/the page says: openDevice: there is no WebGPU/)
      return
    }
    await holds(capable, `${isEnabled('start')} && ${says('opened', / on WebGPU on /)}`, 300)
    await paste(capable, 'steps', '3')
    await capable.click('#start')
    await holds(capable, says('figure-step', /^3 of 3$/), 300)
    expect(Number(await textIn(capable, 'figure-loss'))).toBeGreaterThan(0)
  } finally {
    await capable.close()
    await server.close()
  }
}, 900_000)
