import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../src/core/json.ts'
import { openDevice } from '../../../src/device/open-device.ts'
import {
  convertModelToGguf,
  type ConvertModelToGgufOptions,
  modelGguf,
  saveModelGguf,
} from '../../../src/io/gguf/model-gguf.ts'
import { loadModel, loadTokenizer } from '../../../src/io/load/load-model.ts'
import { filesOf, temporaryFolder } from '../tiny-files.ts'

const { device } = await openDevice({ device: 'cpu' })
afterAll(() => device.dispose())
const fixtures = join(import.meta.dirname, '../../fixtures')
const at = (name: string) => join(fixtures, 'gguf-exports', name)
const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json'] as const
type Changes = Partial<Record<(typeof names)[number], (json: JsonObject) => JsonObject>>

const yarn = { rope_type: 'yarn', rope_theta: 1e6, factor: 4, original_max_position_embeddings: 64 }

async function readBackTokenizer(changes: Changes) {
  const folder = await temporaryFolder()
  await converted('qwen3', changes, {}, folder)
  return loadTokenizer(join(folder, 'm.gguf'))
}

/** Converts a family's folder, of which some files are changed; says what it warned of. */
async function converted(family: string, changes: Changes, options: ConvertModelToGgufOptions = {}, out?: string) {
  const folder = out ?? (await temporaryFolder())
  const files: Record<string, Uint8Array | string> = {
    'model.safetensors': new Uint8Array(await readFile(join(at(family), 'model.safetensors'))),
  }
  for (const name of names) {
    const json = JSON.parse(await readFile(join(at(family), name), 'utf8')) as JsonObject
    files[name] = JSON.stringify(changes[name]?.(json) ?? json)
  }
  const warnings: string[] = []
  const onWarning = (warning: string) => warnings.push(warning)
  try {
    await convertModelToGguf(filesOf(files), join(folder, 'm.gguf'), { onWarning, ...options })
    return warnings
  } catch (error) {
    expect(await readdir(folder)).toEqual([])
    throw error
  }
}

const model = (change: JsonObject) => (json: JsonObject) => ({
  ...json,
  model: { ...(json['model'] as object), ...change },
})
const part = (change: JsonObject) => (json: JsonObject) => ({ ...json, ...change })
const added = (change: JsonObject) => (json: JsonObject) => {
  const tokens = json['added_tokens'] as readonly JsonObject[]
  return { ...json, added_tokens: tokens.map((token, i) => (i === 0 ? { ...token, ...change } : token)) }
}

/** A token is left that two others would make, and no merge does: of scores llama.cpp makes all merges there are. */
function withoutMerge(json: JsonObject): JsonObject {
  const merges = (json['model'] as JsonObject)['merges'] as readonly unknown[]
  return model({ merges: merges.slice(0, -1) })(json)
}

describe('a tokenizer that GGUF cannot express is refused', () => {
  it.each([
    [
      'another algorithm',
      'qwen3',
      model({ type: 'WordLevel', merges: [] }),
      /has a model of type "WordLevel"; GGUF files are written with BPE alone/,
    ],
    [
      'a mark of words’ ends',
      'qwen3',
      model({ end_of_word_suffix: '</w>' }),
      /end_of_word_suffix "<\/w>", which GGUF has no word for/,
    ],
    [
      'whole words first',
      'qwen3',
      model({ ignore_merges: true }),
      /pre-tokenizer of tokenizer\.json are none that GGUF files are written with; known are those of default, gpt-2/,
    ],
    [
      'another normalizer',
      'llama',
      part({ normalizer: { type: 'Lowercase' } }),
      /the normalizer and pre-tokenizer of tokenizer\.json are none/,
    ],
    [
      'a space before texts',
      'smollm3',
      part({ pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true } }),
      /the normalizer and pre-tokenizer/,
    ],
    [
      'a token that takes spaces',
      'qwen3',
      added({ lstrip: true }),
      /GGUF cannot say what tokenizer\.json does; read back, these would differ: added tokens/,
    ],
    [
      'another decoder',
      'qwen3',
      part({ decoder: { type: 'WordPiece', prefix: '##', cleanup: true } }),
      /these would differ: decoder/,
    ],
    [
      'a token before texts that is not the first',
      'llama',
      part({
        post_processor: {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: '<|im_end|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
          pair: [],
          special_tokens: { '<|im_end|>': { id: '<|im_end|>', ids: [2], tokens: ['<|im_end|>'] } },
        },
      }),
      /these would differ: tokens around a text/,
    ],
    [
      'two tokens before texts',
      'llama',
      part({
        post_processor: {
          type: 'TemplateProcessing',
          single: [
            { SpecialToken: { id: '<|im_start|>', type_id: 0 } },
            { SpecialToken: { id: '<|im_start|>', type_id: 0 } },
            { Sequence: { id: 'A', type_id: 0 } },
          ],
          pair: [],
          special_tokens: { '<|im_start|>': { id: '<|im_start|>', ids: [1], tokens: ['<|im_start|>'] } },
        },
      }),
      /these would differ: tokens around a text/,
    ],
    [
      'words that Metaspace cuts',
      'llama-spm',
      part({
        normalizer: null,
        pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      }),
      /these would differ: normalizer and pre-tokenizer/,
    ],
    ['a token that no merge makes', 'llama-spm', withoutMerge, /these would differ: merges/],
  ] as const)('%s', async (_, family, change, message) => {
    await expect(converted(family, { 'tokenizer.json': change })).rejects.toThrow(message)
  })

  it('but not for merges that no text comes to, of tokens that it is cut at before', async () => {
    const unreached = (json: JsonObject) => {
      const { vocab, merges } = json['model'] as { vocab: Record<string, number>; merges: (readonly string[])[] }
      const used = new Set(merges.flat())
      const spare = Object.keys(vocab).find((token) => token.length === 1 && !used.has(token)) ?? ''
      const { [spare]: id, ...others } = vocab
      return model({ vocab: { ...others, '\n': id }, merges: [['\n', '\n'], ...merges] })(json)
    }
    expect(await converted('gemma3', { 'tokenizer.json': unreached })).toEqual([])
  })

  it('and what is only told of: a space before the first word alone, tokens without an embedding', async () => {
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false }
    const first = part({ normalizer: null, pre_tokenizer: metaspace })
    expect(await converted('llama-spm', { 'tokenizer.json': first })).toEqual([
      expect.stringMatching(
        /puts a space before the first word alone, llama\.cpp before each word behind a special token/,
      ),
    ])
    const more = (json: JsonObject) => {
      const token = { id: 5000, content: '<more>', lstrip: false, rstrip: false, single_word: false, normalized: false }
      return {
        ...json,
        added_tokens: [...(json['added_tokens'] as readonly JsonObject[]), { ...token, special: true }],
      }
    }
    expect(await converted('qwen3', { 'tokenizer.json': more })).toEqual([
      expect.stringMatching(/the model has no embedding for "?<more>"?, which the file is written without/),
    ])
    const ends = {
      'tokenizer_config.json': part({ eos_token: '<more>' }),
      'config.json': part({ eos_token_id: 5000 }),
    }
    expect(await converted('qwen3', { 'tokenizer.json': more, ...ends })).toHaveLength(1)
    const learned = (json: JsonObject) => {
      const { vocab, merges } = json['model'] as { readonly vocab: JsonObject; readonly merges: readonly unknown[] }
      return model({ vocab: { ...vocab, zz: 5000 }, merges: [...merges, ['z', 'z']] })(json)
    }
    await expect(converted('qwen3', { 'tokenizer.json': learned })).rejects.toThrow(
      /tokenizer\.json has "zz" as token 5000, the model a table of 274/,
    )
  })

  it('none, unless that is asked for', async () => {
    const folder = join(fixtures, 'tiny-family/qwen3')
    const out = join(await temporaryFolder(), 'm.gguf')
    await expect(convertModelToGguf(folder, out)).rejects.toThrow(
      /has no tokenizer\.json, which goes into the file; pass copyFrom/,
    )
    const loaded = await loadModel(folder, { device })
    await expect(modelGguf(loaded.model)).rejects.toThrow(/has no tokenizer\.json/)
    await saveModelGguf(loaded.model, out, { copyFrom: null, type: 'f32', name: 'none' })
    const back = await loadModel(out, { device })
    expect(back.tokenizer).toBeNull()
    loaded.model.nameOrPath = null
    await expect(modelGguf(loaded.model)).rejects.toThrow(
      'modelGguf: the model does not say where it was loaded from; pass copyFrom, where its tokenizer is, or null for none',
    )
    loaded.model.dispose()
    back.model.dispose()
  })
})

describe('a model that GGUF cannot express is refused', () => {
  it.each([
    ['gemma3', { query_pre_attn_scalar: 6 }, /GGUF cannot say of a gemma3 model that it has query_pre_attn_scalar 6/],
    ['smollm3', { no_rope_layers: [0] }, /of a smollm3 model that it has no_rope_layers \[0\]/],
    [
      'mistral',
      { rope_parameters: { rope_type: 'dynamic', factor: 2, rope_theta: 1e4 } },
      /of a llama model that it has rope_scaling/,
    ],
    [
      'qwen3',
      {
        rope_parameters: {
          rope_type: 'llama3',
          rope_theta: 1e4,
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 64,
        },
      },
      /of a qwen3 model that it has rope_scaling/,
    ],
  ] as const)('%s with %j', async (family, change, message) => {
    await expect(converted(family, { 'config.json': part(change) })).rejects.toThrow(message)
  })

  it.each([
    ['mistral', { rope_parameters: { rope_type: 'linear', factor: 2.5, rope_theta: 1e4 } }],
    ['qwen2', { rope_parameters: { ...yarn, attention_factor: 1.5, beta_fast: 20, beta_slow: 2 } }],
    ['gemma3', { layer_types: ['full_attention'] }],
    ['smollm3', { no_rope_layers: [1], use_sliding_window: true, sliding_window: 6, layer_types: ['full_attention'] }],
  ] as const)('but %s with %j is written, and read back as the same', async (family, change) => {
    expect(await converted(family, { 'config.json': part(change) })).toEqual([])
  })

  it('nor one with several chat templates', async () => {
    const templates = [
      { name: 'default', template: 'a' },
      { name: 'tool-use', template: 'b' },
    ]
    const named = await readBackTokenizer({ 'tokenizer_config.json': part({ chat_template: templates }) })
    expect(named?.chatTemplate).toEqual({ default: 'a', tool_use: 'b' })
    const alone = await readBackTokenizer({ 'tokenizer_config.json': part({ chat_template: templates.slice(1) }) })
    expect(alone?.chatTemplate).toEqual({ tool_use: 'b' })
    const none = await readBackTokenizer({ 'tokenizer_config.json': part({ chat_template: null }) })
    expect(none?.chatTemplate).toBeNull()
  })

  it('and of a window that llama.cpp has not it is told', async () => {
    expect(await converted('mistral', { 'config.json': part({ sliding_window: 6 }) })).toEqual([
      'convertModelToGguf: llama.cpp has no sliding window for llama, so texts of more than 6 tokens are read otherwise there',
    ])
  })

  it('another architecture, options that are none, and a signal', async () => {
    const falcon = await loadModel(join(fixtures, 'tiny-falcon-rw'), { device })
    await expect(modelGguf(falcon.model, { copyFrom: null })).rejects.toThrow(
      'modelGguf: model_type "falcon" is not written as GGUF; known are gemma3_text, llama, mistral, qwen2, qwen3, smollm3',
    )
    falcon.model.dispose()
    const out = join(await temporaryFolder(), 'm')
    await expect(convertModelToGguf(at('qwen3'), `${out}.bin`)).rejects.toThrow(/path must end in \.gguf/)
    await expect(convertModelToGguf(at('qwen3'), `${out}.gguf`, { type: 'q4_0' } as never)).rejects.toThrow(
      "convertModelToGguf: type must be 'f32', 'f16', 'bf16', 'q8_0', got \"q4_0\"",
    )
    await expect(convertModelToGguf(at('qwen3'), `${out}.gguf`, { merge: true } as never)).rejects.toThrow(/"?merge"?/)
    await expect(converted('qwen3', {}, { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop')
  })
})
