import { unzipSync } from 'fflate'
import { expect } from 'vitest'
import { fourLines } from '../drive-page.ts'
import { downloaded, holds, isEnabled, type OtherBrowser, paste, says, textIn } from './other-browser.ts'

/** Where the page found itself. */
export interface Visited {
  /** The line that tells of model and engine. */
  readonly opened: string
  /** Why that engine. */
  readonly reason: string
}

/** Opens the page, waits for the small base, and gives it four pairs to learn. */
export async function openIn(browser: OtherBrowser, url: string): Promise<Visited> {
  await browser.goto(url)
  await holds(browser, isEnabled('reload'))
  await paste(browser, 'data', fourLines)
  await holds(browser, says('data-status', /^4 questions/))
  return { opened: await textIn(browser, 'opened'), reason: await textIn(browser, 'reason') }
}

/** Trains, takes the answers before and after, and holds the adapter that is handed out against what PEFT names. */
export async function trainAndTakeAlong(browser: OtherBrowser): Promise<void> {
  await paste(browser, 'steps', '10')
  await browser.click('#start')
  await holds(browser, says('train-status', /^Done: step 10 of 10\.$/))
  await holds(browser, isEnabled('save'))
  const label = `document.getElementById('loss-chart').getAttribute('aria-label')`
  // Charts are drawn one a frame.
  await holds(browser, `/ at step 10\\b/.test(${label})`)
  const curve = String(await browser.evaluate(label))
  const [, first, last] = /: ([\d.]+) at step 1, ([\d.]+) at step 10$/.exec(curve) ?? []
  expect(Number(last)).toBeLessThan(Number(first))
  const answers = (await browser.evaluate(samples)) as string[]
  expect(answers.length).toBeGreaterThan(1)
  expect(answers[0]?.length).toBeGreaterThan(5)
  expect(new Set(answers).size).toBeGreaterThan(1)

  await browser.click('#save')
  const files = unzipSync(await downloaded(browser, 'medaware-adapter.zip'))
  const { 'medaware-adapter/adapter_config.json': config, 'medaware-adapter/adapter_model.safetensors': weights } =
    files
  expect(JSON.parse(new TextDecoder().decode(config))).toMatchObject({ peft_type: 'LORA', r: 16 })
  expect(weights?.length).toBeGreaterThan(40_960)
}

/** Begins a long run, stops it, and asks what it has learned. */
export async function stopAndAsk(browser: OtherBrowser): Promise<void> {
  await paste(browser, 'steps', '2000')
  await browser.click('#start')
  await holds(browser, says('figure-step', / of 2,000$/))
  await browser.click('#stop')
  await holds(browser, says('train-status', /^Stopped at step \d+ of 2,?000\.$/))
  await holds(browser, isEnabled('ask-button'))
  await paste(browser, 'question', 'What is gout?')
  await browser.click('#ask-button')
  const answered = `document.querySelectorAll('#turns [data-side]').length === 2 && ${isEnabled('ask-button')}`
  await holds(browser, answered)
  const answers = (await browser.evaluate(said)) as string[]
  for (const answer of answers) expect(answer.length).toBeGreaterThan(5)
}

/** What the model has answered on the way, and what both sides say in the conversation. */
const samples = `Array.from(document.querySelectorAll('#samples .answer'), ({ textContent }) => textContent)`
const said = `Array.from(document.querySelectorAll('#turns [data-side]'), ({ textContent }) => textContent)`
