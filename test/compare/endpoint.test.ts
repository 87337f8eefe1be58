import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { messageOf } from '../../src/core/errors.ts'
import { endpoint, type EndpointOptions } from '../../src/compare/contenders/endpoint.ts'
import { type FakeOpenAi, sendCompletion, sendError, startFakeOpenAi } from './fake-openai.ts'

let server: FakeOpenAi
beforeEach(async () => {
  server = await startFakeOpenAi()
})
afterEach(() => server.close())

const contender = (options: Partial<EndpointOptions> = {}) => endpoint(server.address, { model: 'fake-1', ...options })
const ask = (options: Partial<EndpointOptions> = {}, prompt = 'Why?') => {
  return contender(options).answer(prompt, { maxTokens: 7 })
}

describe('endpoint', () => {
  it('asks in conversation, at temperature 0, and says what the server says of tokens', async () => {
    const answer = await ask({ system: 'Be brief.', body: { seed: 3 } })
    expect(server.heard[0]).toMatchObject({ path: '/v1/chat/completions', key: undefined })
    expect(server.heard[0]?.body).toEqual({
      model: 'fake-1',
      ...{ max_tokens: 7, temperature: 0, seed: 3 },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Why?' },
      ],
    })
    expect(answer).toMatchObject({
      ...{ text: 'The answer is A.', finish: 'stop', promptTokens: 4, completionTokens: 16, servedBy: 'fake-1-0613' },
    })
  })

  it('goes on with a text, as far as an empty line, and leaves fields out that are null', async () => {
    const answer = await ask({ api: 'completions', body: { max_tokens: null, max_completion_tokens: 9 } })
    expect(server.heard[0]?.path).toBe('/v1/completions')
    const { heard } = server
    expect(heard[0]?.body).toEqual({
      ...{ model: 'fake-1', prompt: 'Why?', temperature: 0, stop: ['\n\n'], max_completion_tokens: 9 },
    })
    expect(answer.text).toBe('The answer is A.')
    await ask({ temperature: null })
    expect(heard[1]?.body).not.toHaveProperty('temperature')
  })

  it('waits as long as a busy server asks, and asks again where a failure may pass', async () => {
    const failures: Readonly<Record<string, (response: ServerResponse) => void>> = {
      'Slow down': (response) => sendError(response, 429, 'rate_limit_exceeded', '', { 'retry-after': '1' }),
      'By a date': (response) => {
        const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000).toUTCString()
        sendError(response, 503, null, '', { 'retry-after': date })
      },
      'In ms': (response) => sendError(response, 429, null, '', { 'retry-after-ms': '900', 'retry-after': '9' }),
      Oops: (response) => sendError(response, 500, null, 'Oops'),
      'No JSON': (response) => response.writeHead(200).end('{"choices": ['),
      Cut: (response) => response.writeHead(200, { 'content-length': '9' }).end('{', () => response.destroy()),
      Router: (response) => response.writeHead(200).end('{"error":{"code":502,"message":"Bad gateway"}}'),
    }
    const waits = new Map<string, number[]>()
    server.twist = ({ prompt, times }, response) => {
      waits.set(prompt, [...(waits.get(prompt) ?? []), performance.now()])
      if (times === 0) failures[prompt]?.(response)
      return times === 0 && failures[prompt] !== undefined
    }
    const asked = contender()
    const request = { maxTokens: 7 }
    await asked.answer('first', request)
    const answers = await Promise.all(Object.keys(failures).map((prompt) => asked.answer(prompt, request)))
    expect(answers.map(({ text }) => text)).toEqual(answers.map(() => 'The answer is A.'))
    const waitOf = (prompt: string) => (waits.get(prompt)?.[1] ?? 0) - (waits.get(prompt)?.[0] ?? 0)
    for (const prompt of ['Slow down', 'By a date']) expect(waitOf(prompt)).toBeGreaterThanOrEqual(990)
    expect(waitOf('In ms')).toBeGreaterThanOrEqual(890)
    // The first wait where the server says nothing.
    for (const prompt of ['Oops', 'Cut']) expect(waitOf(prompt)).toBeGreaterThanOrEqual(390)
  })

  it('gives up what does not pass, with the words of the server', async () => {
    server.twist = (heard, response) => {
      if (heard.prompt === 'quota') sendError(response, 429, 'insufficient_quota', 'You exceeded your current quota')
      else if (heard.prompt === 'hours') sendError(response, 429, null, 'Later', { 'retry-after': '7200' })
      else if (heard.prompt === 'html') response.writeHead(503).end('<html>busy</html>')
      else if (heard.prompt === 'elsewhere') response.writeHead(301, { location: 'http://example.invalid/v1' }).end()
      else if (heard.prompt === 'router') response.end('{"error":{"code":402,"message":"No credits"}}')
      else return false
      return true
    }
    const words = (prompt: string, options = {}) =>
      ask(options, prompt).then(String, (error: unknown) => messageOf(error))
    expect(await words('quota')).toContain('429 Too Many Requests: You exceeded your current quota')
    expect(await words('hours')).toContain('it asks to be left alone for 7200 s, go on later')
    expect(await words('html', { maxRetries: 1 })).toMatch(/503 Service Unavailable: <html>busy<\/html>$/)
    expect(await words('elsewhere')).toContain('it redirects elsewhere')
    expect(await words('router')).toContain('No credits')
    expect(await words('x', { model: 'other' })).toMatch(/The model `other` does not exist; does the address end in/)
    expect(server.heard.map(({ prompt }) => prompt)).toEqual([
      'quota',
      'hours',
      'html',
      'html',
      'elsewhere',
      'router',
      'x',
    ])
  })

  it('tells refusals, cut answers, filters and questions that are too long from failures', async () => {
    server.twist = (heard, response) => {
      const { prompt } = heard
      if (prompt === 'refusal') sendCompletion(response, heard, { text: null, refusal: 'I cannot help.' })
      else if (prompt === 'length') sendCompletion(response, heard, { text: 'The ans', finish: 'length' })
      else if (prompt === 'filter') sendCompletion(response, heard, { text: '', finish: 'content_filter' })
      else if (prompt === 'null') sendCompletion(response, heard, { text: null })
      else if (prompt === 'policy') sendError(response, 400, 'content_filter', 'The response was filtered')
      else if (prompt === 'long') sendError(response, 400, 'context_length_exceeded', "This model's maximum context…")
      else return false
      return true
    }
    const found = async (prompt: string) => {
      const { text, finish } = await ask({}, prompt)
      return [text, finish]
    }
    expect(await found('refusal')).toEqual(['I cannot help.', 'refused'])
    expect(await found('length')).toEqual(['The ans', 'length'])
    expect(await found('filter')).toEqual(['', 'refused'])
    expect(await found('null')).toEqual(['', 'stop'])
    expect(await found('policy')).toEqual(['', 'refused'])
    expect(await found('long')).toEqual(['', 'too-long'])
  })

  it('takes no count of tokens that makes no sense', async () => {
    const usages = [null, { prompt_tokens: -3, completion_tokens: 1.5 }, { prompt_tokens: '12' }, [], 'many']
    server.twist = (heard, response) => {
      sendCompletion(response, heard, { text: 'A', usage: usages[heard.times] ?? 0 })
      return true
    }
    for (const usage of usages) {
      expect(await ask(), JSON.stringify(usage)).toMatchObject({ promptTokens: null, completionTokens: null })
    }
  })

  it('refuses answers of another shape, and endless ones', async () => {
    server.twist = (heard, response) => {
      if (heard.prompt === 'none') response.end('{"choices":[]}')
      else if (heard.prompt === 'parts') response.end('{"choices":[{"message":{"content":[{"type":"text"}]}}]}')
      else {
        const piece = Buffer.alloc(1 << 20, ' ')
        const more = (): void => {
          if (!response.destroyed) response.write(piece, () => setImmediate(more))
        }
        more()
      }
      return true
    }
    await expect(ask({}, 'none')).rejects.toMatchObject({ code: 'format' })
    await expect(ask({}, 'parts')).rejects.toThrow('no text')
    await expect(ask({}, 'endless')).rejects.toThrow(/longer than 16777216 bytes/)
  })

  it('waits no longer than it is told, and ends when it is told', async () => {
    server.twist = () => true
    await expect(ask({ timeout: 0.05, maxRetries: 0 })).rejects.toThrow('no answer for 0.05 s')
    const stop = new AbortController()
    const asked = contender().answer('Why?', { maxTokens: 7, signal: stop.signal })
    setTimeout(() => stop.abort(new Error('enough')), 50)
    await expect(asked).rejects.toThrow('enough')
    server.twist = (_, response) => {
      sendError(response, 503, null, 'Busy', { 'retry-after': '60' })
      return true
    }
    const again = new AbortController()
    const waiting = contender().answer('Why?', { maxTokens: 7, signal: again.signal })
    setTimeout(() => again.abort(new Error('enough of waiting')), 50)
    await expect(waiting).rejects.toThrow('enough of waiting')
  })

  it('asks who is not there just once', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => closed.once('listening', resolve))
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => closed.close(resolve))
    const started = performance.now()
    const nobody = endpoint(`http://127.0.0.1:${port}/v1`, { model: 'fake-1' })
    await expect(nobody.answer('Why?', { maxTokens: 7 })).rejects.toThrow('ECONNREFUSED')
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('sends its key to the server alone, and shows it to nobody', async () => {
    const apiKey = 'sk-secret-1234567890'
    await ask({ apiKey })
    expect(server.heard[0]?.key).toBe(apiKey)
    const asked = contender({ apiKey })
    expect(JSON.stringify(asked)).not.toContain('secret')
    expect(asked.identity).not.toContain('secret')
    server.twist = (heard, response) => {
      sendError(response, 401, 'invalid_api_key', `Incorrect API key provided: ${heard.key}.`)
      return true
    }
    const message = await ask({ apiKey }).then(String, (error: unknown) => messageOf(error))
    expect(message).toContain('Incorrect API key provided: (the key).; does the key belong to it?')
    for (const wrong of ['sk-secret\n', 'sk secret']) {
      expect(() => contender({ apiKey: wrong })).toThrow(/^endpoint: apiKey must be a text without spaces/)
      expect(() => contender({ apiKey: wrong })).not.toThrow(/secret/)
    }
  })

  it('says what is wrong with its options', () => {
    expect(() => endpoint('127.0.0.1:8080', { model: 'x' })).toThrow('is no address')
    expect(() => endpoint('http://me:pw@127.0.0.1/v1', { model: 'x' })).toThrow('without a name or a password')
    expect(() => endpoint('http://127.0.0.1/v1', {} as never)).toThrow('endpoint: model must be a text')
    expect(() => contender({ concurency: 1 } as never)).toThrow('did you mean concurrency?')
    expect(() => contender({ api: 'completions', system: 'x' })).toThrow("system goes with api 'chat'")
    expect(() => contender({ prices: { input: -1, output: 1 } })).toThrow('prices.input must be a number from 0')
  })
})
