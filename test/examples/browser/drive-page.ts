import { readFile } from 'node:fs/promises'
import { unzipSync } from 'fflate'
import type { Page } from 'playwright-core'

/** Four short pairs: a step reads them all, so that its loss is one curve. */
export const fourPairs = [
  { question: 'What is asthma?', answer: 'A long-lasting disease of the airways.' },
  { question: 'What is anaemia?', answer: 'Too few red blood cells.' },
  { question: 'What is gout?', answer: 'Crystals of uric acid in a joint.' },
  { question: 'What is eczema?', answer: 'A skin that is dry and itches.' },
]
export const fourLines = fourPairs.map((pair) => JSON.stringify(pair)).join('\n')

/** The text of an element of the page. */
export async function textOf(page: Page, id: string): Promise<string> {
  return (await page.locator(`#${id}`).textContent()) ?? ''
}

/** Opens the page and waits until the model is there; returns the line that says where it runs. */
export async function visit(page: Page, url: string, engine: 'auto' | 'cpu' | 'webgpu' = 'auto'): Promise<string> {
  await page.goto(url)
  await isOpened(page)
  if (engine === 'auto') return textOf(page, 'opened')
  await page.locator('#engine').selectOption(engine)
  await isOpened(page)
  return textOf(page, 'opened')
}

/** Waits until a model is loaded, and fails with the page's own sentence if it cannot be. */
export async function isOpened(page: Page): Promise<void> {
  await page.locator('#reload:enabled').waitFor()
  if (await page.locator('#error').isVisible()) throw new Error(await textOf(page, 'error'))
}

/**
 * Waits until the run is at its end or stopped and the page is free again; returns the first and last loss. A software
 * adapter beside other work may take its time: only a run without a step for 100 seconds has failed.
 */
export async function isTrained(page: Page): Promise<{ first: number; last: number }> {
  const ended = page.locator('#save:enabled, #error:visible').first()
  for (let isEnded = false; !isEnded;) {
    const step = await textOf(page, 'figure-step')
    isEnded = await ended.waitFor({ timeout: 100_000 }).then(
      () => true,
      async (fault: unknown) => {
        if ((await textOf(page, 'figure-step')) === step) throw fault
        return false
      },
    )
  }
  if (await page.locator('#error').isVisible()) throw new Error(await textOf(page, 'error'))
  // Charts are drawn one a frame.
  await page.evaluate(`new Promise((isDrawn) => {
    const next = (frames) => frames === 0 ? isDrawn() : requestAnimationFrame(() => next(frames - 1))
    next(10)
  })`)
  const label = (await page.locator('#loss-chart').getAttribute('aria-label')) ?? ''
  const [, first, last] = /: ([\d.]+) at step 1, ([\d.]+) at step \d+/.exec(label) ?? []
  return { first: Number(first), last: Number(last) }
}

/** Gives the page the four pairs, and trains ten steps on them. */
export async function trainTenSteps(page: Page): Promise<{ first: number; last: number }> {
  await page.locator('#data').fill(fourLines)
  await page.getByText('4 questions with answers.').waitFor()
  await page.locator('#steps').fill('10')
  await page.locator('#start').click()
  return isTrained(page)
}

/** Presses the download button, and returns the archive's name and files. */
export async function download(page: Page): Promise<{ name: string; files: Map<string, Uint8Array<ArrayBuffer>> }> {
  const [archive] = await Promise.all([page.waitForEvent('download'), page.locator('#save').click()])
  const entries = Object.entries(unzipSync(await readFile(await archive.path())))
  return { name: archive.suggestedFilename(), files: new Map(entries.map(([path, bytes]) => [path, bytes.slice()])) }
}

/** Moves the focus with the Tab key, as one without a mouse does. */
export async function tabTo(page: Page, id: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    if ((await page.evaluate('document.activeElement?.id')) === id) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`the Tab key does not lead to ${id}`)
}
