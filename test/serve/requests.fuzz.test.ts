import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { endpointOf, post, servedModel } from './served.ts'

const device = await openTestCpu()
const endpoint = endpointOf(await servedModel(device), { maxTokens: 4, maxChoices: 4 })
afterAll(() => device.dispose())

const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  model: fc.constantFrom('tiny', 'mild', 'strong', 'other', 3),
  prompt: fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.array(fc.integer({ min: -2, max: 400 }), { maxLength: 70 }),
    fc.array(fc.string()),
  ),
  messages: fc.array(fc.record({ role: fc.constantFrom('user', 'assistant', 'tool', ''), content: fc.anything() })),
  max_tokens: fc.oneof(fc.integer({ min: -1, max: 5 }), fc.double()),
  n: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.string()),
  temperature: fc.double({ min: -0.1, max: 2.1 }),
  top_p: fc.double({ min: -0.1, max: 1.1 }),
  top_k: fc.integer({ min: -2, max: 400 }),
  repetition_penalty: fc.oneof(fc.double({ min: 0, max: 101 }), fc.constant(1e-300)),
  seed: fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.double()),
  stop: fc.oneof(fc.string(), fc.array(fc.string()), fc.constant(null)),
  logprobs: fc.oneof(fc.integer({ min: -1, max: 21 }), fc.boolean()),
  top_logprobs: fc.integer({ min: -1, max: 21 }),
  echo: fc.oneof(fc.boolean(), fc.anything()),
  stream: fc.oneof(fc.boolean(), fc.anything()),
  stream_options: fc.oneof(fc.record({ include_usage: fc.boolean() }), fc.anything()),
  logit_bias: fc.oneof(fc.constant({}), fc.anything()),
  tools: fc.anything(),
}

/** A request that is well, but for a few fields. */
const well = { model: 'tiny', max_tokens: 2 }
const body = fc
  .subarray(Object.keys(fields), { maxLength: 4 })
  .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, fields[name] ?? fc.anything()]))))
  .chain((made) =>
    fc.oneof(
      { weight: 4, arbitrary: fc.constant(made) },
      fc.object().map((other) => ({ ...made, ...other })),
    ),
  )

it('answers whatever is sent, and never with a fault of its own', async () => {
  let answered = 0
  await fc.assert(
    fc.asyncProperty(fc.boolean(), body, async (isChat, made) => {
      const own = isChat ? { messages: [{ role: 'user', content: 'Why?' }] } : { prompt: 'Why?' }
      const path = isChat ? '/v1/chat/completions' : '/v1/completions'
      const { status, text } = await post(endpoint, path, { ...well, ...own, ...made })
      if (status === 200) answered++
      expect([200, 400, 404], text).toContain(status)
      expect(text).not.toContain('server_error')
    }),
    { numRuns: 300 },
  )
  expect(answered).toBeGreaterThan(30)
})

it('answers texts that are no JSON', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
      expect((await post(endpoint, '/v1/completions', text)).status).toBe(400)
    }),
    { numRuns: 200 },
  )
})
