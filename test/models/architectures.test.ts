import { describe, expect, it } from 'vitest'
import { formatModelConfig, modelWeights, parseModelConfig } from '../../src/models/architectures.ts'
import { readFixture } from '../fixtures/open-fixture.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { familyNames } from './tiny-family.ts'

const configOf = async (name: string) =>
  parseModelConfig(
    JSON.parse(new TextDecoder().decode(await readFixture(`tiny-family/${name}/config.json`))) as Record<
      string,
      unknown
    >,
  )

describe('architectures', () => {
  it.each(familyNames)('know every weight of %s and its shape', async (name) => {
    const file = await openFixture(`tiny-family/${name}/model.safetensors`)
    const specs = modelWeights(await configOf(name))
    expect(new Map(specs.map(({ name, shape }) => [name, shape]))).toEqual(
      new Map(file.names.map((key) => [key, file.info(key).shape])),
    )
  })

  it.each(familyNames)('write the config of %s as they read it', async (name) => {
    const config = await configOf(name)
    expect(parseModelConfig(formatModelConfig(config))).toEqual(config)
  })

  it.each([
    [
      'unsupported',
      { model_type: 'gpt2' },
      'parseModelConfig: config.json has model_type "gpt2"; known are falcon, RefinedWebModel, RefinedWeb, gemma3_text, llama, mistral, qwen2, qwen3, smollm3',
    ],
    [
      'config',
      {},
      'parseModelConfig: config.json has model_type nothing; known are falcon, RefinedWebModel, RefinedWeb, gemma3_text, llama, mistral, qwen2, qwen3, smollm3',
    ],
    ['config', { model_type: 'llama' }, 'llama: config.json needs a positive hidden_size, got nothing'],
    ['config', { model_type: 'falcon' }, 'falcon: config.json needs a positive hidden_size or n_embed, got nothing'],
  ])('refuse: %s, %#', (code, json, message) => {
    expect(() => parseModelConfig(json)).toThrow(expect.objectContaining({ code, message }))
  })
})
