import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { feedbackServer } from '../../../../examples/medquad/feedback/page/feedback-server.ts'
import { Session } from '../../../../examples/medquad/feedback/session.ts'
import { ProgressLine } from '../../../../src/index.ts'
import { openBrowser } from '../../../device/browser.ts'

it('asks, corrects and prefers by the keyboard, under its own content security policy', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'feedback-page-'))
  const line = new ProgressLine({ isTTY: false, write: () => true })
  const session = await Session.open({ store: folder, model: undefined, adapter: undefined, device: 'cpu' }, line)
  const server = await feedbackServer(session, { tokens: 8, temperature: 0.7 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const browser = await openBrowser()
  try {
    const page = await browser.newPage()
    page.setDefaultTimeout(60_000)
    const wrong: string[] = []
    const asked: string[] = []
    page.on('pageerror', ({ message }) => wrong.push(message))
    page.on('console', (message) => {
      if (message.type() === 'error') wrong.push(message.text())
    })
    page.on('request', (request) => asked.push(new URL(request.url()).host))
    const { port } = server.address() as AddressInfo
    await page.goto(`http://127.0.0.1:${port}/`)
    await page.getByText('* 1\tstart').waitFor()
    // The question has the focus when the page opens.
    await page.keyboard.type('What is gout ?')
    await page.keyboard.press('Enter')
    const correction = page.getByLabel('What should have been answered').first()
    await correction.waitFor()
    await correction.fill('An arthritis of crystals.')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByText('Correction kept.').waitFor()
    expect(session.store.corrections(false)).toMatchObject([{ answer: 'An arthritis of crystals.' }])
    await page.getByRole('button', { name: 'Another answer' }).press('Enter')
    await page.getByRole('button', { name: 'Better than the one before' }).press('Enter')
    await page.getByText('Kept.', { exact: true }).waitFor()
    const [second, first] = session.store.answers()
    expect([second?.seed, first?.seed]).toEqual([1, 0])
    expect(session.store.preferences(false)).toMatchObject([{ chosen: second?.text, rejected: first?.text }])
    expect(wrong).toEqual([])
    expect(new Set(asked)).toEqual(new Set([`127.0.0.1:${port}`]))
  } finally {
    await browser.close()
    server.close()
    session.close()
    await rm(folder, { recursive: true })
  }
})
