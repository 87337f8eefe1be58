import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Device } from '../../src/device/device.ts'
import { completeText, generateText } from '../../src/generate/generate-text.ts'
import type { GenerationOptions } from '../../src/generate/generation-options.ts'
import { tokenizerFromJson } from '../../src/io/tokenizer/tokenizer.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { ScriptedModel } from './scripted-model.ts'

const read = (name: string) => readFileSync(join(import.meta.dirname, '../fixtures/tokenizer', name), 'utf8')
const tokenizer = tokenizerFromJson(read('tokenizer.json'), read('tokenizer_config.json'))
const END = 0
const ANSWER = 300

describe('generateText', () => {
  let device: Device
  beforeAll(async () => void (device = await openTestCpu()))
  afterAll(() => device.dispose())

  async function pieces(script: readonly number[], options: GenerationOptions = {}): Promise<string[]> {
    const model = new ScriptedModel(device, tokenizer.vocabSize, [script])
    const out: string[] = []
    for await (const piece of generateText(model, tokenizer, 'What is it?', options)) out.push(piece)
    return out
  }

  it('yields whole characters, however their bytes fall into tokens', async () => {
    const text = 'naïve 日本語 🩺🇩🇪!'
    const out = await pieces([...tokenizer.encode(text), END])
    expect(out.join('')).toBe(text)
    expect(out).toEqual(['n', 'a', 'ï', 'v', 'e', ' ', '日', '本', '語', ' ', '🩺', '🇩', '🇪', '!'])
  })

  it('stops at the end of text, which it does not show', async () => {
    const script = [...tokenizer.encode('The patient'), END, ...tokenizer.encode('is seen')]
    expect((await pieces(script)).join('')).toBe('The patient')
  })

  it('goes on after the end of text when told to, and stops elsewhere', async () => {
    const script = [...tokenizer.encode('a'), END, ...tokenizer.encode('b.'), ANSWER]
    expect((await pieces(script, { eosTokenId: null, maxNewTokens: 3 })).join('')).toBe('ab')
    expect((await pieces(script, { eosTokenId: [ANSWER] })).join('')).toBe('ab.')
  })

  it('shows bytes that never become a character when nothing follows', async () => {
    expect(await pieces([...tokenizer.encode('a🩺').slice(0, 3), END])).toEqual(['a', '\uFFFD'])
  })

  it('ends with the reason of its signal, in pieces and whole, and leaves no byte', async () => {
    const script = tokenizer.encode('The patient is seen')
    const before = [device.memory.liveBytes, device.memory.liveBuffers]
    const controller = new AbortController()
    const options = { signal: controller.signal }
    const heard: string[] = []
    const reason = new Error('another question')
    const told = (async () => {
      const model = new ScriptedModel(device, tokenizer.vocabSize, [script])
      for await (const piece of generateText(model, tokenizer, 'What is it?', options)) {
        heard.push(piece)
        controller.abort(reason)
      }
    })()
    await expect(told).rejects.toBe(reason)
    expect(heard).toHaveLength(1)
    const model = new ScriptedModel(device, tokenizer.vocabSize, [script])
    await expect(completeText(model, tokenizer, 'What is it?', options)).rejects.toBe(reason)
    expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual(before)
  })

  it('gives in pieces what decoding all tokens at once gives', async () => {
    const ids = fc.array(fc.integer({ min: 1, max: tokenizer.vocabSize - 1 }), { minLength: 1, maxLength: 24 })
    const property = fc.asyncProperty(ids, async (script) => {
      const out = await pieces([...script, END])
      expect(out.join('')).toBe(tokenizer.decode(script))
      expect(out.every((piece) => piece !== '')).toBe(true)
    })
    await fc.assert(property, { numRuns: 60, seed: 1 })
  })

  it('feeds the prompt as the tokenizer encodes it', async () => {
    const model = new ScriptedModel(device, tokenizer.vocabSize, [[END]])
    expect(await completeText(model, tokenizer, 'What is the treatment?')).toBe('')
    expect([...(model.calls[0]?.inputIds ?? [])]).toEqual(tokenizer.encode('What is the treatment?'))
  })

  it('completes a text at once', async () => {
    const model = new ScriptedModel(device, tokenizer.vocabSize, [[...tokenizer.encode('a 🩺'), END]])
    expect(await completeText(model, tokenizer, 'x')).toBe('a 🩺')
  })

  it('frees every byte when it is left', async () => {
    const before = device.memory.liveBytes
    const model = new ScriptedModel(device, tokenizer.vocabSize, [[5]])
    for await (const piece of generateText(model, tokenizer, 'x')) if (piece !== '') break
    expect(device.memory.liveBytes).toBe(before)
  })

  it('refuses a tokenizer with more tokens than the model, and an empty prompt', async () => {
    await expect(completeText(new ScriptedModel(device, 64, [[5]]), tokenizer, 'x')).rejects.toThrow(
      "generate: prompt 0 has token 88 at 0, beyond the model's vocabulary of 64; is this the model's tokenizer?",
    )
    await expect(completeText(new ScriptedModel(device, 302, [[5]]), tokenizer, '')).rejects.toThrow(
      "generate: prompt 0 is empty; give it at least one token, such as the tokenizer's end of text",
    )
  })
})
