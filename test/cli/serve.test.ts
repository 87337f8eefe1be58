import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, expect, it } from 'vitest'
import { saveAdapter } from '../../src/io/adapter-folder.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { runCli } from './run-cli.ts'

const base = join(import.meta.dirname, '../../examples/medquad/base')
const work = mkdtempSync(join(tmpdir(), 'peft-medaware-serve-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

it('serves a model and its adapters until Ctrl-C, which lets an answer end', async () => {
  const device = await openTestCpu()
  const { model } = await loadModel(base, { device })
  await saveAdapter(attachLora(model, { initLoraWeights: false, loraAlpha: 64 }, { device }), join(work, 'tuned'))
  device.dispose()

  let url = ''
  let stop = () => {}
  const ended = runCli(
    [
      ...['serve', '--model', base, '--adapter', join(work, 'tuned'), '--adapter', `second=${join(work, 'tuned')}`],
      ...['--port', '0', '--device', 'cpu', '--api-key', 'secret'],
    ],
    {
      started: (interrupt) => (stop = interrupt),
      watch: (printed) => (url = /http:\S+/.exec(printed)?.[0] ?? ''),
    },
  )
  await expect.poll(() => url, { timeout: 60_000 }).not.toBe('')
  const client = new OpenAI({ baseURL: url, apiKey: 'secret', maxRetries: 0 })
  expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['base', 'tuned', 'second'])
  const asked = { prompt: 'Question: What is asthma?\nAnswer:', max_tokens: 8, temperature: 0 }
  const [plain, tuned, second] = await Promise.all(
    ['base', 'tuned', 'second'].map((id) => client.completions.create({ model: id, ...asked })),
  )
  expect(tuned?.choices[0]?.text).toBe(second?.choices[0]?.text)
  expect(plain?.choices[0]?.text).not.toBe(tuned?.choices[0]?.text)
  // Who is turned away before the body was read hears why.
  const stranger = new OpenAI({ baseURL: url, apiKey: 'other', maxRetries: 0 })
  const long = stranger.completions.create({ model: 'base', prompt: 'a'.repeat(900_000) })
  await expect(long).rejects.toMatchObject({ status: 401 })
  // A page whose own name points here brings that name.
  expect(await statusAs('evil.example', url)).toBe(403)
  expect(await statusAs('localhost', url)).toBe(401)

  const stream = await client.completions.create({ model: 'tuned', ...asked, max_tokens: 60, stream: true })
  let text = ''
  let finish: string | null = null
  for await (const { choices } of stream) {
    if (text === '') stop()
    text += choices[0]?.text ?? ''
    finish = choices[0]?.finish_reason ?? finish
  }
  expect(['length', 'stop']).toContain(finish)
  const { code, stderr, stdout } = await ended
  expect(code).toBe(130)
  expect(stdout).toContain('base, tuned, second')
  expect(stderr).toMatch(/POST \/v1\/completions {2}200 {2}[\d.]+ s {2}tuned {2}\d+ \+ \d+ tokens/)
})

/** What a request is answered that calls the server so. */
async function statusAs(host: string, url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`${url}/models`, { headers: { host } }, ({ statusCode }) => resolve(statusCode))
      .on('error', reject)
      .end()
  })
}

it.each<[words: string[], said: RegExp]>([
  [[], /needs --model SOURCE/],
  [['--model', base, '--host', '0.0.0.0'], /give --api-key/],
  [['--model', base, '--port', 'x'], /--port must be a whole number/],
  [['--model', base, '--adaptr', 'x'], /did you mean --adapter/],
])('refuses %j before it loads', async (words, said) => {
  const { code, stderr } = await runCli(['serve', ...words])
  expect([code, stderr]).toEqual([2, expect.stringMatching(said)])
})
