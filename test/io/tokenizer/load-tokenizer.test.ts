import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Device } from '../../../src/device/device.ts'
import { completeText } from '../../../src/generate/generate-text.ts'
import { loadModel, type LoadedModel } from '../../../src/io/load/load-model.ts'
import { tokenizerFromJson } from '../../../src/io/tokenizer/tokenizer.ts'
import { modelFiles } from '../../../src/io/save/save-model.ts'
import { createModel, modelWeights, parseModelConfig } from '../../../src/models/architectures.ts'
import { initialWeights } from '../../../src/models/initial-weights.ts'
import { promptCompletionExample } from '../../../src/data/prompt-completion.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'

const here = join(import.meta.dirname, '../../fixtures/tokenizer/llama')
const read = (name: string) => readFileSync(join(here, name), 'utf8')
const cases = join(import.meta.dirname, '../../../../shared/cases')

const config = {
  model_type: 'llama',
  vocab_size: 357,
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
}

describe('what comes with a model', () => {
  let device: Device
  beforeAll(async () => void (device = await openTestCpu()))
  afterAll(() => device.dispose())

  /** Loads a small model of whose files some are others; `null` leaves one out. */
  async function load(
    given: Readonly<Record<string, unknown>> = {},
    sizes: object = {},
  ): Promise<LoadedModel & { warnings: string[] }> {
    const parsed = parseModelConfig({ ...config, ...sizes })
    const model = createModel(parsed, initialWeights(device, modelWeights(parsed), 0.1, 0))
    const files = await modelFiles(model)
    const tokenizer = {
      'tokenizer.json': read('tokenizer.json'),
      'tokenizer_config.json': read('tokenizer_config.json'),
    }
    const texts = Object.entries({ ...tokenizer, ...given }).map(([name, content]) => [
      name,
      content === null || typeof content === 'string' ? content : JSON.stringify(content),
    ])
    const all = new Map<string, unknown>([...files, ...(texts as [string, string | null][])])
    const parts = [...all].flatMap(([name, content]) => (content === null ? [] : [new File([content as string], name)]))
    const warnings: string[] = []
    return { ...(await loadModel(parts, { device, onWarning: (message) => warnings.push(message) })), warnings }
  }

  it.each([
    ['one of generation_config.json', { 'generation_config.json': { eos_token_id: 7 } }, {}, [7]],
    ['a list of it', { 'generation_config.json': { eos_token_id: [7, 9] } }, {}, [7, 9]],
    ['it before config.json', { 'generation_config.json': { eos_token_id: 7 } }, { eos_token_id: 3 }, [7]],
    ['config.json where it has none', { 'generation_config.json': { do_sample: false } }, { eos_token_id: 3 }, [3]],
    ['a list in config.json', {}, { eos_token_id: [3, 5] }, [3, 5]],
  ])('has the ends of a text: %s', async (_, files, sizes, ends) => {
    expect((await load(files, { eos_token_id: null, ...sizes })).model.generationConfig?.eosTokenId).toEqual(ends)
  })

  it('has the sampling of generation_config.json, and warns of what is not built', async () => {
    const { model, warnings } = await load({ 'generation_config.json': { do_sample: true, top_k: 3, num_beams: 2 } })
    expect(model.generationConfig).toMatchObject({ doSample: true, topK: 3 })
    expect(warnings).toEqual([
      expect.stringContaining('generation_config.json has num_beams 2; texts are continued without it'),
    ])
    await expect(load({ 'generation_config.json': { eos_token_id: 'x' } })).rejects.toThrow(
      'eos_token_id must be a token id',
    )
  })

  it('says that there is no tokenizer, and what there is instead', async () => {
    const without = { 'tokenizer.json': null, 'tokenizer_config.json': null }
    const { tokenizer, warnings } = await load(without)
    expect(tokenizer).toBeNull()
    expect(warnings).toEqual([
      expect.stringContaining('there is no tokenizer.json, so the model comes without a tokenizer'),
    ])
    const other = await load({ ...without, 'tokenizer.model': 'pieces' })
    expect(other.warnings[0]).toContain(
      'it has tokenizer.model: load it with AutoTokenizer in transformers and save it',
    )
  })

  describe('of the shared cases', () => {
    const shared = (name: string) => {
      const folder = join(cases, name)
      if (existsSync(folder)) return folder
      console.warn(`NOT CHECKED: ${name} of the shared cases is not on this machine`)
      return null
    }

    it('bos: begins with <s>', async () => {
      const folder = shared('bos')
      if (folder === null) return
      const { model, tokenizer } = await loadModel(folder, { device })
      expect(tokenizer?.encode('The dog')).toEqual([1, 291, 400, 428])
      expect(await completeText(model, tokenizer!, 'The dog', { maxNewTokens: 24 })).toMatch(
        /^ was a big, red ball\. He liked to play with his ball\./,
      )
    })

    it('end-tokens: ends where only generation_config.json says so', async () => {
      const folder = shared('end-tokens')
      if (folder === null) return
      const { model, tokenizer } = await loadModel(folder, { device })
      expect(await completeText(model, tokenizer!, 'the cat')).toBe(' sat on')
    })

    it('prompt-completion: the tokens of TRL', () => {
      const folder = shared('prompt-completion')
      if (folder === null) return
      const { pairs, trl } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
        pairs: [string, string][]
        trl: Record<string, { ids: number[]; prompt: number; starts: boolean }[]>
      }
      for (const [name, rows] of Object.entries(trl)) {
        const at = name === 'llama' ? join(folder, name) : join(cases, '../tokenizers', name)
        const text = (file: string) => readFileSync(join(at, file), 'utf8')
        const has = existsSync(join(at, 'tokenizer_config.json'))
        const tokenizer = tokenizerFromJson(text('tokenizer.json'), has ? text('tokenizer_config.json') : {})
        for (const [i, { ids, prompt, starts }] of rows.entries()) {
          const [before = '', completion = ''] = pairs[i] ?? []
          let warnings = 0
          const onWarning = () => {
            warnings++
          }
          const made = promptCompletionExample(tokenizer, { prompt: before, completion }, { onWarning })
          expect([...(made?.inputIds ?? [])]).toEqual(ids)
          expect(tokenizer.encode(before)).toHaveLength(prompt)
          expect(warnings).toBe(starts ? 0 : 1)
          // Where the prompt alone has other tokens, TRL 1.16 learns from the first that differs.
          if (starts) expect(made?.labels.findIndex((label) => label !== -100)).toBe(prompt)
        }
      }
    })
  })
})
