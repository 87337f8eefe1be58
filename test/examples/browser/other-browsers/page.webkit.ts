import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { serveBuiltPage, type ServedPage } from '../serve-page.ts'
import { openWebKit } from './webkit.ts'
import { isEnabled, holds, type OtherBrowser, textIn } from './other-browser.ts'
import { openIn, stopAndAsk, trainAndTakeAlong } from './whole-visit.ts'

let folder: string
let served: ServedPage
let browser: OtherBrowser

beforeAll(async () => {
  browser = await openWebKit()
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
  expect(opened).toMatch(/^examples\/medquad\/base: 1,25\d,\d{3} parameters in .* on CPU engine \(.* threads?\)\.$/)
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
