import { expect, it } from 'vitest'
import { openBrowser, webGpuFlags } from '../../device/browser.ts'
import { checkAdapter } from './check-adapter.ts'
import { fourLines, isTrained, visit } from './drive-page.ts'
import { servePage } from './serve-page.ts'

it('the page as npm run browser serves it trains, answers and hands out an adapter on WebGPU', async () => {
  const browser = await openBrowser(webGpuFlags)
  const served = await servePage()
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  const wrong: string[] = []
  page.on('pageerror', ({ message }) => wrong.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(message.text())
  })
  try {
    expect(await visit(page, served.url, 'webgpu')).toMatch(/ parameters in .* MB, on WebGPU on google swiftshader/)
    await page.locator('#data').fill(fourLines)
    await page.getByText('4 questions with answers.').waitFor()
    await page.locator('#steps').fill('6')
    await page.getByText('What is asked').click()
    await page.getByLabel('Answer these before').uncheck()
    await page.locator('#start').click()
    await checkAdapter(page, await isTrained(page))
    // A software adapter takes its time to answer: the beginning is enough.
    await page.locator('#ask-button').click()
    await page.locator('[data-side="before"]').filter({ hasText: /\w\w/ }).waitFor({ timeout: 400_000 })
    await page.locator('#chat-stop').click()
    expect(wrong).toEqual([])
  } finally {
    await browser.close()
    await served.close()
  }
})
