import { expect, it } from 'vitest'
import { textOf, trainTenSteps, visit } from './drive-page.ts'
import { usePage } from './open-page.ts'

const open = usePage('test-browser-chat')

it('talks with the model as it was and as it is, side by side, by the keyboard, with a stop and a clear', async () => {
  const { page, url } = open
  await visit(page, url)
  const turns = page.locator('#turns > li')
  const said = (turn: number, side: 'before' | 'after') => turns.nth(turn).locator(`[data-side="${side}"]`)
  const isAnswered = () => page.locator('#ask-button:enabled').waitFor()
  const ask = async (question: string) => {
    await page.locator('#question').fill(question)
    await page.locator('#question').press('Enter')
  }
  await ask('What is asthma?')
  await isAnswered()
  expect((await said(0, 'before').textContent())?.length).toBeGreaterThan(5)
  expect(await said(0, 'after').textContent()).toBe('–')

  await trainTenSteps(page)
  await ask('What is gout?')
  await isAnswered()
  const answers = [await said(1, 'before').textContent(), await said(1, 'after').textContent()]
  for (const answer of answers) expect(answer?.length).toBeGreaterThan(5)
  expect(answers[0]).not.toBe(answers[1])

  await page.locator('#chat-clear').click()
  expect(await turns.count()).toBe(0)
  await page.locator('#temperature').fill('1.2')
  const drawn: (string | null)[] = []
  for (const seed of ['7', '7', '8']) {
    await page.locator('#chat-seed').fill(seed)
    await ask('What is eczema?')
    await isAnswered()
    drawn.push(await said(0, 'after').textContent())
    await page.locator('#chat-clear').click()
  }
  expect(drawn[1]).toBe(drawn[0])
  expect(drawn[2]).not.toBe(drawn[0])

  // It answers too fast for a hand from without: stopped at its first words.
  await page.evaluate(`new MutationObserver((_, seeing) => {
    if (!/\\w/.test(document.querySelector('[data-side="before"]')?.textContent ?? '')) return
    seeing.disconnect()
    document.getElementById('chat-stop').click()
  }).observe(document.getElementById('turns'), { childList: true, subtree: true, characterData: true })`)
  await ask('What is anaemia?')
  await isAnswered()
  expect((await said(0, 'before').textContent())?.length).toBeLessThan(60)
  expect(await said(0, 'after').textContent()).toBe('–')
  expect(await textOf(page, 'turns')).toContain('What is anaemia?')
})
