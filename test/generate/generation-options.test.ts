import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Device } from '../../src/device/device.ts'
import { completeText } from '../../src/generate/generate-text.ts'
import { generateTokens } from '../../src/generate/generate.ts'
import { type GenerationOptions, resolveOptions } from '../../src/generate/generation-options.ts'
import type { TextTokenizer } from '../../src/generate/text-tokenizer.ts'
import { type GenerationConfig, parseGenerationConfig } from '../../src/models/generation-config.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { ScriptedModel } from './scripted-model.ts'

/** A letter for each id: 'a' is 0. Ids from 10 on are added tokens, which say nothing. */
const tokenizer: TextTokenizer = {
  vocabSize: 16,
  eosTokenId: null,
  eosToken: null,
  addedIds: [10, 11, 12, 13, 14, 15],
  encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0) - 97),
  decode: (ids) => ids.map((id) => (id < 10 ? String.fromCharCode(97 + id) : '')).join(''),
}

describe('generation options', () => {
  let device: Device
  beforeAll(async () => void (device = await openTestCpu()))
  afterAll(() => device.dispose())

  function scripted(script: readonly number[], generationConfig?: GenerationConfig): ScriptedModel {
    const model = new ScriptedModel(device, 16, [script])
    return generationConfig === undefined ? model : Object.assign(model, { generationConfig })
  }
  const resolve = (options: unknown, config?: GenerationConfig) =>
    resolveOptions(scripted([0], config), options as GenerationOptions)

  it('are as transformers has them where nobody says otherwise', () => {
    expect(resolve({})).toEqual({
      maxNewTokens: 128,
      stops: new Set(),
      seed: 0,
      signal: undefined,
      sampling: { doSample: false, temperature: 1, topK: 50, topP: 1, repetitionPenalty: 1 },
    })
    expect(resolve({ seed: undefined, maxNewTokens: undefined })).toEqual(resolve({}))
  })

  it('are as generation_config.json says, but for what the caller says', () => {
    const config = { eosTokenId: [11, 12], doSample: true, temperature: 0.6, topK: 20, maxNewTokens: 7 }
    const { sampling, stops, maxNewTokens } = resolve({ topK: 3 }, config)
    expect(sampling).toMatchObject({ doSample: true, temperature: 0.6, topK: 3 })
    expect([...stops, maxNewTokens]).toEqual([11, 12, 7])
    expect(resolve({ doSample: false }, config).sampling.doSample).toBe(false)
    expect([...resolve({ eosTokenId: null }, config).stops]).toEqual([])
  })

  it.each([
    [{ max_new_tokens: 3 }, 'generate: there is no option "max_new_tokens"; did you mean maxNewTokens?'],
    [{ maxTokens: 3 }, 'did you mean maxNewTokens?'],
    [
      { eosTokenId: '41' },
      'generate: eosTokenId must be a whole number from 0 or a list of a whole number from 0 or null',
    ],
    [{ eosTokenId: [1, NaN] }, 'generate: eosTokenId: item 1 must be a whole number from 0, got NaN'],
    [{ eosTokenId: 16 }, 'generate: eosTokenId 16 is beyond the vocabulary of 16; the model never says it'],
    [{ doSample: 'false' }, 'generate: doSample must be true or false, got "false"'],
    [{ seed: 1.5 }, 'generate: seed must be a whole number, got 1.5'],
    [{ maxNewTokens: '3' }, 'generate: maxNewTokens must be a whole number from 1, got "3"'],
    [{ signal: new AbortController() }, 'generate: signal must be an AbortSignal'],
    [
      { temperature: 0 },
      'generate: temperature must be a number above 0; for the most likely token leave doSample false',
    ],
    [{ doSample: true, topK: -1 }, 'generate: topK must be a whole number, 0 for all tokens, got -1'],
    [{ doSample: true, topK: 1.5 }, 'got 1.5'],
    [{ doSample: true, topP: 0 }, 'generate: topP must be a number above 0 and at most 1, got 0'],
    [{ doSample: true, topP: 1.1 }, 'got 1.1'],
    [{ repetitionPenalty: -2 }, 'generate: repetitionPenalty must be a number above 0, got -2'],
    [
      { temperature: 0.7 },
      'generate: temperature does nothing where the most likely token is taken; add doSample: true',
    ],
    [{ topK: 5 }, 'generate: topK does nothing where the most likely token is taken; add doSample: true'],
    [{ topP: 0.5, doSample: false }, 'generate: topP does nothing where the most likely token is taken'],
    ['greedy', 'generate: options must be an object such as { maxNewTokens: … }, got "greedy"'],
  ])('refuse %o', (options: unknown, sentence) => {
    expect(() => resolve(options)).toThrow(sentence)
    expect(() => resolve(options)).toThrow(expect.objectContaining({ code: 'config' }))
  })

  it.each([
    [[[1, NaN]], 'generate: prompt 0 has NaN at 1, where a token id must be'],
    [[[1], [0.5]], 'generate: prompt 1 has 0.5 at 0, where a token id must be'],
    [[[-1]], 'generate: prompt 0 has -1 at 0, where a token id must be'],
    [[['1']], 'generate: prompt 0 has "1" at 0, where a token id must be'],
    [[[null]], 'generate: prompt 0 has null at 0, where a token id must be'],
    [
      [[16]],
      "generate: prompt 0 has token 16 at 0, beyond the model's vocabulary of 16; is this the model's tokenizer?",
    ],
    [[1, 2], 'generate: prompt 0 must be a list of token ids, got 1; a prompt alone is [ids]'],
    ['abc', 'generate: prompts must be a list of lists of token ids, got "abc"'],
    [[], 'generate: there is no prompt'],
  ])('are of no use with the prompts %j', async (prompts: unknown, sentence) => {
    const model = scripted([0])
    await expect(generateTokens(model, prompts as number[][]).next()).rejects.toThrow(sentence)
    expect(model.calls).toEqual([])
  })

  describe('the ends of a text', () => {
    const say = (config: GenerationConfig | undefined, own: Partial<TextTokenizer> = {}, options = {}) =>
      completeText(scripted([1, 2, 11, 3, 12, 4, 5], config), { ...tokenizer, ...own }, 'a', {
        maxNewTokens: 6,
        ...options,
      })

    it.each([
      ['one of generation_config.json', { eosTokenId: [12] }, {}, 'bcd'],
      ['the first of several', { eosTokenId: [12, 11] }, {}, 'bc'],
      ["the tokenizer's, of which the model does not know", { eosTokenId: [12] }, { eosTokenId: 11 }, 'bc'],
      ["the tokenizer's alone", undefined, { eosTokenId: 12 }, 'bcd'],
      // An old Falcon's config.json: the id of another model's.
      ['none that is an ordinary token', { eosTokenId: [2, 12] }, {}, 'bcd'],
      ['an ordinary token where nothing else ends', { eosTokenId: [3] }, {}, 'bcd'],
      ['nothing where nobody names one', undefined, {}, 'bcde'],
      ['none that the model cannot say', { eosTokenId: [99] }, { addedIds: [99] }, 'bcde'],
    ] as const)('are %s', async (_, config, own, text) => {
      expect(await say(config, own)).toBe(text)
    })

    it('are what the caller says', async () => {
      expect(await say({ eosTokenId: [11] }, {}, { eosTokenId: 4, maxNewTokens: 7 })).toBe('bcde')
      expect(await say({ eosTokenId: [11] }, {}, { eosTokenId: null })).toBe('bcde')
    })
  })

  it('says what is wrong with a tokenizer or a prompt that is none', async () => {
    const complete = completeText as (model: unknown, tokenizer: unknown, prompt: unknown) => Promise<string>
    await expect(complete(scripted([0]), null, 'a')).rejects.toThrow(
      'generateText: the tokenizer is null, since the model came without a tokenizer.json; open one with loadTokenizer',
    )
    await expect(complete(scripted([0]), {}, 'a')).rejects.toThrow(
      'generateText: the tokenizer must be a tokenizer, such as',
    )
    await expect(complete(scripted([0]), tokenizer, ['a'])).rejects.toThrow(
      'generateText: the prompt: item 0 must be a whole number from 0, got "a"',
    )
  })
})

describe('parseGenerationConfig', () => {
  it('reads what changes a text', () => {
    const json = {
      _from_model_config: true,
      bos_token_id: 1,
      eos_token_id: [2, 7],
      do_sample: true,
      temperature: 0.6,
      top_k: 20,
      top_p: 0.95,
      repetition_penalty: 1.1,
      max_new_tokens: 64,
      transformers_version: '5.0.0',
    }
    expect(parseGenerationConfig(json, 'm')).toEqual({
      config: {
        eosTokenId: [2, 7],
        doSample: true,
        temperature: 0.6,
        topK: 20,
        topP: 0.95,
        repetitionPenalty: 1.1,
        maxNewTokens: 64,
      },
      warnings: [],
    })
    expect(parseGenerationConfig({ eos_token_id: 2, temperature: null }, 'm').config).toEqual({ eosTokenId: [2] })
    expect(parseGenerationConfig({}, 'm')).toEqual({ config: {}, warnings: [] })
  })

  it('warns of what it asks for and does not get', () => {
    const { config, warnings } = parseGenerationConfig({ num_beams: 4, min_p: 0, temperature: 'hot' }, 'm')
    expect(config).toEqual({})
    expect(warnings).toEqual([
      'm: generation_config.json has temperature "hot", which must be a number above 0; it is left out',
      'm: generation_config.json has num_beams 4; texts are continued without it',
    ])
  })

  it.each(['x', -1, 1.5, [2, 'x'], {}])('refuses %j for the end of a text', (end) => {
    expect(() => parseGenerationConfig({ eos_token_id: end }, 'm')).toThrow(
      'm: generation_config.json: eos_token_id must be a token id or a list of them, got ',
    )
  })
})
