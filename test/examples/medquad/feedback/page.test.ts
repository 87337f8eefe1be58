import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { feedbackServer } from '../../../../examples/medquad/feedback/page/feedback-server.ts'
import { Session } from '../../../../examples/medquad/feedback/session.ts'
import { ProgressLine } from '../../../../src/index.ts'

const line = new ProgressLine({ isTTY: false, write: () => true })
let session: Session
let server: Server
let url: string
let store: string
beforeAll(async () => {
  store = await mkdtemp(join(tmpdir(), 'feedback-page-'))
  session = await Session.open({ store, model: undefined, adapter: undefined, device: 'cpu' }, line)
  server = await feedbackServer(session, { tokens: 8, temperature: 0.7 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.close()
  session.close()
  await rm(store, { recursive: true })
})

const post = (path: string, body: unknown, headers: Record<string, string> = {}) => {
  const all = { 'content-type': 'application/json', ...headers }
  return fetch(`${url}/api/${path}`, { method: 'POST', headers: all, body: JSON.stringify(body) })
}
const errorOf = async (response: Response) => [response.status, ((await response.json()) as { error: string }).error]

describe('the page', () => {
  it('asks nothing of any other host, and runs no script but its own', async () => {
    const page = await fetch(`${url}/`)
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; /)
    const text = await page.text()
    expect(text).not.toMatch(/https?:|style=|<script>| on[a-z]+=/)
    const script = await (await fetch(`${url}/client.js`)).text()
    expect(script).not.toMatch(/https?:|innerHTML|import /)
  })

  it('streams an answer, which is then kept with how it came about', async () => {
    const response = await post('ask', { question: 'What is gout ?', seed: 3 })
    const lines = (await response.text()).trim().split('\n')
    const said = lines.map((each) => JSON.parse(each) as { piece?: string; answer?: { id: number; text: string } })
    const answer = said.at(-1)?.answer
    expect(
      said
        .flatMap(({ piece }) => piece ?? [])
        .join('')
        .trim(),
    ).toBe(answer?.text)
    const { id = 0 } = answer ?? {}
    expect(session.store.answer(id)).toMatchObject({ question: 'What is gout ?', version: 1, seed: 3 })
    expect((await post('rate', { answer: id, rating: -1 })).status).toBe(200)
    expect((await post('correct', { answer: id, text: 'An arthritis.' })).status).toBe(200)
    expect(session.store.answer(id).rating).toBe(-1)
    expect(session.store.corrections(false)).toMatchObject([{ answer: 'An arthritis.' }])
    const { versions, log } = (await (await fetch(`${url}/api/versions`)).json()) as Record<string, string>
    expect(versions).toMatch(/^\* 1\tstart/)
    expect(log).toContain('version 1 answers from')
    const { questionId } = session.store.answer(id)
    expect((await post('delete', { question: questionId })).status).toBe(200)
    expect(session.store.answers()).toEqual([])
  })

  it('refuses what another site would send, and what makes no sense', async () => {
    expect(await errorOf(await post('rate', {}, { origin: 'http://evil.example' }))).toEqual([
      ...[403, 'send JSON by POST, from this page'],
    ])
    expect((await post('rate', {}, { 'content-type': 'text/plain' })).status).toBe(403)
    const other = request(`${url}/api/versions`, { headers: { host: 'evil.example' } }).end()
    const [answered] = (await once(other, 'response')) as [{ statusCode: number; resume: () => void }]
    answered.resume()
    expect(answered.statusCode).toBe(403)
    expect(await errorOf(await post('rate', { answer: 'x' }))).toEqual([400, 'feedback: answer must be a whole number'])
    expect(await errorOf(await post('rate', { answer: 99, rating: 1 }))).toEqual([
      ...[404, 'feedback: there is no answer 99'],
    ])
    expect(await errorOf(await post('ask', { question: ' ', seed: 0 }))).toEqual([
      ...[400, 'feedback: the question is empty'],
    ])
    expect((await post('correct', { text: 'x'.repeat(300_000) })).status).toBe(400)
    expect((await post('nothing', {})).status).toBe(404)
  })
})
