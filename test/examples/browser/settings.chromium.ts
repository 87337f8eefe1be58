import type { Page } from 'playwright-core'
import { beforeEach, expect, it } from 'vitest'
import { download, fourLines, isTrained, textOf, visit } from './drive-page.ts'
import { usePage } from './open-page.ts'

const opened = usePage('test-browser-settings')
let page: Page

beforeEach(async () => {
  page = await visited(opened.page)
})

/** The page, once it has opened its model. */
async function visited(tab: Page): Promise<Page> {
  await visit(tab, opened.url)
  return tab
}

const valueOf = (id: string) => page.locator(`#${id}`).inputValue()

it('tells of a setting behind a button, for keyboards and screen readers', async () => {
  const help = page.getByRole('button', { name: 'What is Rank?' })
  const text = page.locator('#rank-help')
  expect(await text.isVisible()).toBe(false)
  await page.locator('#rank').focus()
  await page.keyboard.press('Tab')
  expect(await help.getAttribute('aria-expanded')).toBe('false')
  await page.keyboard.press('Enter')
  expect(await text.isVisible()).toBe(true)
  expect(await help.getAttribute('aria-expanded')).toBe('true')
  expect(await help.getAttribute('aria-controls')).toBe('rank-help')
  await page.keyboard.press('Space')
  expect(await text.isVisible()).toBe(false)
})

it('says beside a field what is wrong with it, and does not train until it is right', async () => {
  await page.locator('#data').fill(fourLines)
  await page.getByText('4 questions with answers.').waitFor()
  await page.locator('#advanced summary').click()
  await page.locator('#dropout').fill('2')
  await page.locator('#advanced summary').click()
  await page.locator('#steps').fill('1')
  await page.locator('#start').click()
  // The first wrong field has the focus, though it was closed away.
  expect(await page.evaluate('document.activeElement?.id')).toBe('dropout')
  expect(await textOf(page, 'dropout-problem')).toBe('Give a number from 0 to 0.9.')
  expect(await page.locator('#dropout').getAttribute('aria-invalid')).toBe('true')
  expect(await page.locator('#dropout').getAttribute('aria-describedby')).toContain('dropout-problem')
  expect(await textOf(page, 'train-status')).toBe('')
  await page.locator('#dropout').fill('0.2')
  expect(await page.locator('#dropout-problem').isVisible()).toBe(false)
  await page.locator('#start').click()
  await isTrained(page)
})

it('follows method and rank until the person changes a setting, and goes back to the defaults', async () => {
  await page.locator('#method').selectOption('ia3')
  expect(await textOf(page, 'method-about')).toMatch(/^Scales what a few layers give\./)
  expect(await page.locator('#rank').isVisible()).toBe(false)
  expect(await valueOf('rate')).toBe('0.04')
  await page.locator('#method').selectOption('lora')
  await page.locator('#rank').fill('8')
  expect([await valueOf('rate'), await valueOf('alpha')]).toEqual(['0.004', '16'])
  await page.locator('#rate').fill('0.001')
  await page.locator('#method').selectOption('vera')
  expect([await valueOf('rate'), await valueOf('rank')]).toEqual(['0.001', '8'])
  await page.locator('#reset').click()
  expect([await valueOf('method'), await valueOf('rate'), await valueOf('rank')]).toEqual(['lora', '0.004', '16'])
})

it('keeps what was chosen for the next visit, unless it is odd', async () => {
  await page.locator('#steps').fill('7')
  await page.locator('#method').selectOption('dora')
  await page.close()
  page = await visited(await opened.newTab())
  expect([await valueOf('steps'), await valueOf('method'), await valueOf('batch')]).toEqual(['7', 'dora', '4'])
  await page.evaluate(
    `localStorage.setItem('peft-medaware-settings', '{"version":1,"chosen":{"steps":-1,"batchSize":2}}')`,
  )
  await page.close()
  page = await visited(await opened.newTab())
  expect([await valueOf('steps'), await valueOf('method'), await valueOf('batch')]).toEqual(['100', 'lora', '2'])
})

it('plans memory anew as settings change, and says what to change where it does not fit', async () => {
  const total = async () => {
    const text = await page.locator('#plan-rows tr', { hasText: 'Together' }).locator('td').textContent()
    return Number.parseFloat(text ?? '')
  }
  const before = await total()
  expect(before).toBeGreaterThan(10)
  await page.locator('#batch').fill('1')
  await page.locator('#plan-title', { hasText: 'on 1 question of 256 tokens at once' }).waitFor()
  expect(await total()).toBeLessThan(before / 2)
  await page.locator('#batch').fill('512')
  await page.locator('#length').fill('1024')
  await page
    .locator('#plan-advice', {
      hasText:
        /^It does not fit: [\d.]+ GB are needed, and the engine has [\d.]+ GB\. With .* it takes [\d.]+ [MG]B, and fits\.$/,
    })
    .waitFor()
  await page.locator('#reset').click()
  await page.locator('#plan-advice').waitFor({ state: 'hidden' })
  expect(await total()).toBe(before)
})

it('trains with the method that is chosen', async () => {
  await page.locator('#data').fill(fourLines)
  await page.getByText('4 questions with answers.').waitFor()
  await page.locator('#steps').fill('2')
  await page.locator('#method').selectOption('dora')
  await page.locator('#advanced summary').click()
  await page.locator('#targets').selectOption('all-linear')
  await page.locator('#start').click()
  await isTrained(page)
  const { files } = await download(page)
  const config = JSON.parse(new TextDecoder().decode(files.get('medaware-adapter/adapter_config.json')))
  expect(config).toMatchObject({ peft_type: 'LORA', use_dora: true, r: 16, lora_alpha: 32, lora_dropout: 0.05 })
  expect(config.target_modules).toHaveLength(4)
})
