import { afterAll, describe, expect, it } from 'vitest'
import { RequestEncoder } from '../../src/evaluate/log-likelihood/request.ts'
import { completeText } from '../../src/generate/generate-text.ts'
import { disableAdapter, setAdapter } from '../../src/peft/several/several-adapters.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { fixture } from '../evaluate/evaluation-fixture.ts'
import { clientOf, endpointOf, servedModel, tokenizer } from './served.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

describe('/v1/completions', async () => {
  const model = await servedModel(device)
  const endpoint = endpointOf(model)
  const client = clientOf(endpoint)
  const prompt = 'Is a rash seen when the liver is ill?\nAnswer:'
  const greedy = { maxNewTokens: 12, doSample: false }

  it("gives lm-evaluation-harness's log-likelihoods, whatever was read before", async () => {
    const encoder = new RequestEncoder(tokenizer)
    const pairs = fixture.pairs.filter((pair) => pair.tokenizer === 'plain')
    expect(pairs.length).toBeGreaterThan(1)
    for (const pair of [...pairs, ...pairs]) {
      const { context, continuations } = encoder.encode(pair.context, [pair.continuation])
      const ids = [...context, ...(continuations[0] ?? [])]
      // As its client local-completions asks and reads.
      const asked = { prompt: [ids], temperature: 0, max_tokens: 1, logprobs: 1, seed: 1234, echo: true }
      const { choices } = await client.completions.create({ model: 'tiny', ...asked })
      const { token_logprobs: logs = [], top_logprobs: tops = [] } = choices[0]?.logprobs ?? {}
      expect(logs).toHaveLength(ids.length + 1)
      const own = logs.slice(context.length, -1)
      expect(own.reduce((sum, each) => sum + each, 0)).toBeCloseTo(pair.logLikelihood, 3)
      const isGreedy = own.every((each, i) => each === Math.max(...Object.values(tops[context.length + i] ?? {})))
      expect(isGreedy).toBe(pair.isGreedy)
    }
  })

  it('says what generateText says, as the base and as each adapter', async () => {
    const said: string[] = []
    for (const id of ['tiny', 'mild', 'strong']) {
      const answer = await client.completions.create({ model: id, prompt, max_tokens: 12, temperature: 0 })
      setAdapter(model, id === 'tiny' ? [] : id)
      expect(answer.choices[0]?.text).toBe(await completeText(model, tokenizer, prompt, greedy))
      said.push(answer.choices[0]?.text ?? '')
      // The endpoint chooses by itself again.
      setAdapter(model, id === 'tiny' ? [] : id)
    }
    expect(new Set(said).size).toBe(3)
    expect(said[0]).toBe(await disableAdapter(model, () => completeText(model, tokenizer, prompt, greedy)))
  })

  it('answers each prompt of a batch as by itself, and a seed the same again', async () => {
    const ids = tokenizer.encode(prompt)
    const drawn = { model: 'mild', temperature: 1, max_tokens: 10, n: 2, seed: 7 }
    const both = await client.completions.create({ ...drawn, prompt: [ids, ids.slice(2)] })
    expect(both.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3])
    const texts = both.choices.map(({ text }) => text)
    const alone = await client.completions.create({ ...drawn, prompt: ids.slice(2) })
    expect(alone.choices.map(({ text }) => text)).toEqual(texts.slice(2))
    expect(texts[0]).not.toBe(texts[1])
    const other = endpointOf(model, { promptCacheBytes: 0 })
    const again = await clientOf(other).completions.create({ ...drawn, prompt: [prompt] })
    expect(again.choices.map(({ text }) => text)).toEqual(texts.slice(0, 2))
    expect(both.usage?.prompt_tokens).toBe(2 * ids.length - 2)
    await other.close()
  })

  it('streams the same text, in pieces, and counts at the end', async () => {
    const asked = { model: 'strong', prompt, max_tokens: 12, temperature: 0, echo: true, logprobs: 2 }
    const whole = await client.completions.create(asked)
    const stream = await client.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } })
    const pieces = []
    for await (const chunk of stream) pieces.push(chunk)
    expect(pieces.length).toBeGreaterThan(3)
    const text = pieces.map(({ choices }) => choices[0]?.text ?? '').join('')
    expect(text).toBe(whole.choices[0]?.text)
    expect(text.startsWith(prompt)).toBe(true)
    const tokens = pieces.flatMap(({ choices }) => choices[0]?.logprobs?.token_logprobs ?? [])
    expect(tokens).toEqual(whole.choices[0]?.logprobs?.token_logprobs)
    expect(pieces.at(-1)?.usage).toMatchObject({ completion_tokens: 12, total_tokens: whole.usage?.total_tokens })
    const { tokens: words = [], text_offset: offsets = [] } = whole.choices[0]?.logprobs ?? {}
    expect(words.join('')).toBe(text)
    for (const [i, offset] of offsets.entries()) expect(text.startsWith(words[i] ?? '?', offset)).toBe(true)
  })

  it('stops before a text and says so, and tells only the tokens before it', async () => {
    const asked = { model: 'tiny', prompt, max_tokens: 12, temperature: 0, logprobs: 0 }
    const whole = (await client.completions.create(asked)).choices[0]
    const stop = whole?.text.slice(3, 6) ?? ''
    const cut = whole?.text.slice(0, whole.text.indexOf(stop))
    const stopped = (await client.completions.create({ ...asked, stop: ['never said', stop] })).choices[0]
    expect([stopped?.text, stopped?.finish_reason]).toEqual([cut, 'stop'])
    expect(whole?.finish_reason).toBe('length')
    const offsets = stopped?.logprobs?.text_offset ?? []
    expect(offsets.every((offset) => offset < (cut?.length ?? 0))).toBe(true)
  })

  it('echoes alone where no token is wanted, and begins an empty prompt', async () => {
    const asked = { model: 'tiny', temperature: 0 }
    const echo = await client.completions.create({ ...asked, prompt, max_tokens: 0, echo: true, logprobs: 1 })
    expect(echo.choices[0]).toMatchObject({ text: prompt, finish_reason: 'length' })
    expect(echo.usage?.completion_tokens).toBe(0)
    const empty = await client.completions.create({ ...asked, prompt: '', max_tokens: 3 })
    expect(empty.usage).toMatchObject({ prompt_tokens: 1 })
  })

  it('gives back all that it holds', async () => {
    await endpoint.close()
    await expect(client.completions.create({ model: 'tiny', prompt })).rejects.toMatchObject({ status: 503 })
    const before = device.memory.liveBytes
    const other = endpointOf(model)
    await clientOf(other).completions.create({ model: 'tiny', prompt, max_tokens: 3 })
    expect(device.memory.liveBytes).toBeGreaterThan(before)
    await other.close()
    expect(device.memory.liveBytes).toBe(before)
  })
})
