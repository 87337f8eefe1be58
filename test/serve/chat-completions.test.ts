import OpenAI from 'openai'
import { afterAll, describe, expect, it } from 'vitest'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { clientOf, endpointOf, post, servedModel } from './served.ts'

const device = await openTestCpu()
const model = await servedModel(device)
const endpoint = endpointOf(model)
const client = clientOf(endpoint)
afterAll(() => device.dispose())

const messages = [
  { role: 'developer' as const, content: 'Answer briefly.' },
  { role: 'user' as const, content: [{ type: 'text' as const, text: 'Is a rash seen?' }] },
]
const asked = { model: 'strong', messages, max_completion_tokens: 10, temperature: 0 }

describe('/v1/chat/completions', () => {
  it('answers by the chat template', async () => {
    const { choices, usage, object } = await client.chat.completions.create(asked)
    const text = '<|system|>Answer briefly.\n<|user|>Is a rash seen?\n<|assistant|>'
    const plain = await client.completions.create({ model: 'strong', prompt: text, max_tokens: 10, temperature: 0 })
    expect(choices).toMatchObject([{ message: { role: 'assistant', content: plain.choices[0]?.text }, index: 0 }])
    expect([object, usage?.completion_tokens]).toEqual(['chat.completion', 10])
    expect(usage?.prompt_tokens).toBe(plain.usage?.prompt_tokens)
  })

  it('streams, tells how likely tokens were, and counts', async () => {
    const more = { logprobs: true, top_logprobs: 3, n: 2 }
    const whole = await client.chat.completions.create({ ...asked, ...more })
    const stream = client.chat.completions.stream({ ...asked, ...more, stream_options: { include_usage: true } })
    const final = await stream.finalChatCompletion()
    expect(final.choices.map(({ message }) => message.content)).toEqual(
      whole.choices.map(({ message }) => message.content),
    )
    const tokens = whole.choices[0]?.logprobs?.content ?? []
    expect(tokens).toHaveLength(10)
    expect(final.choices[0]?.logprobs?.content).toEqual(tokens)
    for (const { logprob, top_logprobs: top } of tokens) {
      expect(top).toHaveLength(3)
      expect(top[0]?.logprob).toBe(logprob)
      expect(top.map((each) => each.logprob)).toEqual(top.map((each) => each.logprob).sort((a, b) => b - a))
    }
    expect(final.usage).toMatchObject({ completion_tokens: 20, prompt_tokens: whole.usage?.prompt_tokens })
  })

  it('ends what its client leaves', async () => {
    const stream = await client.chat.completions.create({ ...asked, max_completion_tokens: 190, stream: true })
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
    const controller = new AbortController()
    const request = client.chat.completions.create(
      { ...asked, max_completion_tokens: 190 },
      { signal: controller.signal },
    )
    setTimeout(() => controller.abort(), 5)
    await expect(request).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    const health = async () => {
      const response = await endpoint.fetch(new Request('http://localhost/health'))
      return (await response.json()) as unknown
    }
    await expect.poll(health).toEqual({ status: 'ok', running: 0, waiting: 0 })
  })

  it('lists models, and says what there is', async () => {
    const listed = await client.models.list()
    expect(listed.data.map(({ id }) => id)).toEqual(['tiny', 'mild', 'strong'])
    expect(await client.models.retrieve('mild')).toMatchObject({ id: 'mild', parent: 'tiny', object: 'model' })
    await expect(client.models.retrieve('bold/one')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })

  it.each<[words: string, fields: object, param: string]>([
    ['an unknown model', { model: 'bold' }, 'model'],
    ['a field that is not done', { tools: [{ type: 'function' }] }, 'tools'],
    ['a field that is not known', { temprature: 1 }, 'temprature'],
    ['what is out of range', { temperature: 3 }, 'temperature'],
    ['a penalty', { frequency_penalty: 0.5 }, 'frequency_penalty'],
    ['a format', { response_format: { type: 'json_object' } }, 'response_format'],
    ['a picture', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'messages'],
    ['no message', { messages: [] }, 'messages'],
    ['more than the model reads', { max_completion_tokens: 250 }, 'prompt'],
    ['a text too long to be encoded', { messages: [{ role: 'user', content: 'a'.repeat(5000) }] }, 'messages'],
    ['likeliest tokens alone', { top_logprobs: 2 }, 'top_logprobs'],
    ['how to stream what is not', { stream_options: { include_usage: true } }, 'stream_options'],
  ])('refuses %s by name', async (_, fields, param) => {
    const { status, text } = await post(endpoint, '/v1/chat/completions', { ...asked, ...fields })
    expect(status).toBe(param === 'model' ? 404 : 400)
    expect(JSON.parse(text)).toMatchObject({ error: { param, type: 'invalid_request_error' } })
  })

  it('passes over what says nothing, and fields that ask for nothing', async () => {
    const idle = { user: 'a', metadata: { b: 'c' }, store: false, service_tier: 'auto', tools: [], tool_choice: 'none' }
    const more = {
      ...asked,
      ...idle,
      response_format: { type: 'text' },
      frequency_penalty: 0,
      logit_bias: {},
      stop: null,
    }
    expect((await post(endpoint, '/v1/chat/completions', more)).status).toBe(200)
  })

  it('has a status for whatever else is wrong', async () => {
    const ask = async (path: string, init: RequestInit) => {
      const response = await endpoint.fetch(new Request(`http://localhost${path}`, init))
      expect(await response.json()).toMatchObject({ error: { message: expect.any(String) as string } })
      return response.status
    }
    const json = { 'content-type': 'application/json' }
    expect(await ask('/v1/embeddings', { method: 'POST' })).toBe(404)
    expect(await ask('/v1/completions', { method: 'GET' })).toBe(405)
    expect(await ask('/v1/completions', { method: 'POST', body: '{}' })).toBe(415)
    expect(await ask('/v1/completions', { method: 'POST', headers: json, body: '{' })).toBe(400)
    expect(await ask('/v1/completions', { method: 'POST', headers: json, body: `[${'['.repeat(200)}` })).toBe(400)
    expect(await ask('/v1/completions', { method: 'POST', headers: json, body: ' '.repeat(2 ** 20 + 1) })).toBe(413)
    expect(await ask('/v1/models/%ff', {})).toBe(404)
  })

  it('has figures for Prometheus', async () => {
    const text = await (await endpoint.fetch(new Request('http://localhost/metrics'))).text()
    expect(text).toMatch(/^peft_medaware_requests_total\{route="\/v1\/chat\/completions",status="200"\} [1-9]/m)
    expect(text).toMatch(/^peft_medaware_completion_tokens_total\{model="strong"\} [1-9]/m)
    expect(text).toMatch(/^peft_medaware_request_seconds_bucket\{model="strong",le="\+Inf"\} [1-9]/m)
    for (const line of text.trim().split('\n')) expect(line).toMatch(/^(# TYPE \w+ \w+|\w+(\{.*\})? [\d.e+-]+)$/)
  })
})

describe('limits', () => {
  it('lets in who brings a key', async () => {
    const closed = endpointOf(model, { apiKeys: ['first', 'second'] })
    await expect(clientOf(closed, 'third').models.list()).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    })
    expect((await clientOf(closed, 'second').models.list()).data).toHaveLength(3)
    expect((await closed.fetch(new Request('http://localhost/health'))).status).toBe(200)
    expect((await closed.fetch(new Request('http://localhost/metrics'))).status).toBe(401)
  })

  it('ends an answer that takes too long, with an event where it streams', async () => {
    const hurried = endpointOf(model, { maxSeconds: 1 })
    const long = { ...asked, max_completion_tokens: 190, n: 8, stream: true } as const
    const streams = Array.from({ length: 30 }, () => clientOf(hurried).chat.completions.create(long))
    const ends = await Promise.allSettled(
      streams.map(async (stream) => {
        for await (const chunk of await stream) expect(chunk.choices).toHaveLength(1)
      }),
    )
    const failed = ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []))
    expect(failed).toHaveLength(30)
    expect(failed.filter((reason) => !reason.includes('longer than 1 seconds'))).toEqual([])
    await hurried.close()
  })

  it('turns away what it has no room for', async () => {
    const small = endpointOf(model, { maxRunning: 1, maxWaiting: 1, maxTokens: 100, maxChoices: 3 })
    const ask = (more: object) => post(small, '/v1/chat/completions', { ...asked, ...more })
    expect((await ask({ n: 4 })).status).toBe(400)
    expect((await ask({ max_completion_tokens: 101 })).status).toBe(400)
    const three = await Promise.all([ask({}), ask({}), ask({})])
    expect(three.map(({ status }) => status).sort()).toEqual([200, 200, 429])
    const { headers } = three.find(({ status }) => status === 429) ?? {}
    expect(headers?.get('retry-after')).toBe('2')
    await small.close()
  })
})
