import { afterAll, describe, expect, it } from 'vitest'
import { parseModelConfig } from '../../../src/models/architectures.ts'
import { formatQwen2Config, parseQwen2Config } from '../../../src/models/llama/qwen2.ts'
import { testEngines } from '../../device/devices.ts'
import { openFixture, readFixture } from '../../fixtures/open-fixture.ts'
import { batchOf, logitsOf } from '../../golden/model-checks.ts'
import { tensorsOf } from '../../io/tiny-files.ts'
import { filesOf } from '../../io/tiny-files.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { writeSafetensors } from '../../../src/safetensors/writer.ts'
import { tinyModel } from '../tiny-family.ts'

const bytes = async (file: string) => Uint8Array.from(await readFixture(`tiny-family/qwen2/${file}`))
const tiny = JSON.parse(new TextDecoder().decode(await bytes('config.json'))) as Record<string, unknown>

describe('parseQwen2Config', () => {
  const rope = { theta: 1000042, scaling: null }
  const parsed = {
    modelType: 'qwen2',
    vocabSize: 32,
    hiddenSize: 16,
    intermediateSize: 24,
    numHiddenLayers: 2,
    numAttentionHeads: 4,
    numKeyValueHeads: 2,
    headDim: 4,
    rmsNormEps: 1e-6,
    rope,
    tieWordEmbeddings: true,
    maxPositionEmbeddings: 32768,
    initializerRange: 0.02,
    bosTokenId: 1,
    eosTokenId: 2,
    slidingWindow: null,
    layerTypes: ['full_attention', 'full_attention'],
  }

  it('reads what transformers writes', () => {
    expect(parseQwen2Config(tiny)).toEqual(parsed)
    expect(parseModelConfig(tiny)).toEqual(parsed)
  })

  it('reads Qwen2.5-0.5B’s, whose window is not used', () => {
    const config = parseQwen2Config({
      architectures: ['Qwen2ForCausalLM'],
      attention_dropout: 0.0,
      bos_token_id: 151643,
      eos_token_id: 151643,
      hidden_act: 'silu',
      hidden_size: 896,
      initializer_range: 0.02,
      intermediate_size: 4864,
      max_position_embeddings: 32768,
      max_window_layers: 24,
      model_type: 'qwen2',
      num_attention_heads: 14,
      num_hidden_layers: 24,
      num_key_value_heads: 2,
      rms_norm_eps: 1e-6,
      rope_theta: 1000000.0,
      sliding_window: 32768,
      tie_word_embeddings: true,
      torch_dtype: 'bfloat16',
      use_cache: true,
      use_mrope: false,
      use_sliding_window: false,
      vocab_size: 151936,
    })
    expect(config).toMatchObject({ headDim: 64, numKeyValueHeads: 2, rope: { theta: 1e6, scaling: null } })
    const { use_sliding_window: _, ...without } = tiny
    expect(parseQwen2Config({ ...without, sliding_window: 4096 })).toEqual(parsed)
  })

  it('takes transformers’ defaults where a file says nothing', () => {
    const { num_key_value_heads: _, max_position_embeddings: __, rms_norm_eps: ___, ...rest } = tiny
    const sizes = { hidden_size: 64, num_attention_heads: 32 }
    expect(parseQwen2Config({ ...rest, ...sizes })).toMatchObject({
      numKeyValueHeads: 32,
      maxPositionEmbeddings: 32768,
      rmsNormEps: 1e-6,
    })
    expect(parseQwen2Config({ ...tiny, num_key_value_heads: null }).numKeyValueHeads).toBe(4)
  })

  it('writes it as it reads it', () => {
    expect(parseQwen2Config(formatQwen2Config(parseQwen2Config(tiny)))).toEqual(parsed)
  })

  it('reads which layers slide, and writes them', () => {
    const slides = { use_sliding_window: true, sliding_window: 64, layer_types: null }
    const later = parseQwen2Config({ ...tiny, ...slides, max_window_layers: 1 })
    expect(later).toEqual({ ...parsed, slidingWindow: 64, layerTypes: ['full_attention', 'sliding_attention'] })
    expect(parseQwen2Config(formatQwen2Config(later))).toEqual(later)
    expect(formatQwen2Config(later)).toMatchObject({ max_window_layers: 1, use_sliding_window: true })
    expect(parseQwen2Config({ ...tiny, ...slides, max_window_layers: 2 })).toEqual(parsed)
    expect(parseQwen2Config({ ...tiny, ...slides, max_window_layers: 0 }).layerTypes).toEqual(
      Array(2).fill('sliding_attention'),
    )
  })

  it.each([
    [
      { layer_types: ['full_attention', 'sliding_attention'] },
      'qwen2: config.json has "sliding_attention" among its layer_types, and no sliding_window that is used',
    ],
    [{ layer_types: ['full_attention'] }, 'qwen2: config.json has 1 layer_types for 2 layers'],
    [{ use_sliding_window: 1 }, 'qwen2: config.json needs use_sliding_window true or false, got 1'],
    [{ max_window_layers: -1 }, 'qwen2: config.json needs max_window_layers as a whole number, got -1'],
  ])('refuses %j as senseless', (words, message) => {
    expect(() => parseQwen2Config({ ...tiny, ...words })).toThrow(expect.objectContaining({ code: 'config', message }))
  })

  it.each([
    [{ model_type: 'qwen3' }, 'qwen2: config.json has model_type "qwen3"; this loader reads "qwen2"'],
    [
      { layer_types: ['full_attention', 'chunked_attention'] },
      'qwen2: config.json has layer_types ["full_attention", "chunked_attention"]; known are a list of ' +
        '"full_attention" and "sliding_attention"',
    ],
    [{ attention_bias: false }, 'qwen2: config.json has attention_bias false; only true is known'],
    [{ mlp_bias: true }, 'qwen2: config.json has mlp_bias true; only false is known'],
    [{ hidden_act: 'gelu' }, 'qwen2: config.json has hidden_act "gelu"; only "silu" or "swish" is known'],
  ])('refuses %j', (words, message) => {
    expect(() => parseQwen2Config({ ...tiny, ...words })).toThrow(
      expect.objectContaining({ code: 'unsupported', message }),
    )
  })
})

const [device] = await testEngines()
afterAll(() => device?.dispose())

it('passes over the buffers that converters write, and needs each of its biases', async () => {
  if (device === undefined) throw new Error('there is no device')
  const tensors = await tensorsOf(await bytes('model.safetensors'))
  const config = JSON.stringify(tiny)
  const load = (list: typeof tensors) =>
    loadModel(filesOf({ 'config.json': config, 'model.safetensors': writeSafetensors(list, { format: 'pt' }) }), {
      device,
    })
  const [buffer] = tensors
  if (buffer === undefined) throw new Error('the fixture is empty')
  const inFile = { ...buffer, name: 'model.layers.0.self_attn.rotary_emb.inv_freq' }
  const [{ model }, { model: plain }] = [await load([...tensors, inFile]), await tinyModel(device, 'qwen2')]
  const batch = await batchOf(await openFixture('tiny-family/qwen2/reference.safetensors'), 'input_ids')
  expect(await logitsOf(model, batch)).toEqual(await logitsOf(plain, batch))
  const key = 'model.layers.1.self_attn.k_proj.bias'
  await expect(load(tensors.filter(({ name }) => name !== key))).rejects.toThrow(`${key} is missing`)
  model.dispose()
  plain.dispose()
})
