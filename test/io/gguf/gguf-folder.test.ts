import { describe, expect, it } from 'vitest'
import { joined } from '../../../src/core/bytes.ts'
import { ggufFolder } from '../../../src/io/gguf/gguf-folder.ts'
import { mergesOf } from '../../../src/io/gguf/sentencepiece-merges.ts'
import { loadTokenizer } from '../../../src/io/load/load-model.ts'
import { readJson } from '../../../src/io/sources/folder.ts'
import { parseGemma3Config } from '../../../src/models/gemma/gemma3-config.ts'
import { bytesSource } from '../../../src/safetensors/source.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'
import { type Entry, f32, ggufFile, text, u32, u64 } from '../../gguf/gguf-file.ts'

interface Vector {
  readonly text: string
  readonly ids: readonly number[]
  readonly decoded: string
}

const folderOf = (bytes: Uint8Array) => ggufFolder({ name: 'f', open: async () => bytesSource(bytes, 'f') })
const vectors = JSON.parse(new TextDecoder().decode(await readFixture('gguf/tokenizers.json'))) as Record<
  string,
  readonly Vector[]
>

const textEntry = (key: string, value: string): Entry => [key, 8, text(value)]
const number = (key: string, value: number): Entry => [key, 4, u32(value)]
const texts = (key: string, values: readonly string[]): Entry => {
  return [key, 9, joined([u32(8), u64(values.length), ...values.map(text)])]
}
const config: readonly Entry[] = [
  textEntry('general.architecture', 'llama'),
  ...['block_count', 'context_length', 'embedding_length', 'feed_forward_length', 'vocab_size'].map((key) => {
    return number(`llama.${key}`, 8)
  }),
  number('llama.attention.head_count', 2),
  ['llama.attention.layer_norm_rms_epsilon', 6, f32(0.5)],
]
const changed = (...more: readonly Entry[]) => {
  const keys = more.map(([key]) => key)
  return folderOf(ggufFile({ entries: [...config.filter(([key]) => !keys.includes(key)), ...more] }))
}

describe('the tokenizer of a GGUF file', () => {
  it.each(Object.keys(vectors))("%s gives the ids and texts of Hugging Face's tokenizers", async (kind) => {
    const tokenizer = await loadTokenizer(folderOf(new Uint8Array(await readFixture(`gguf/tokenizer-${kind}.gguf`))))
    for (const { text: given, ids, decoded } of vectors[kind] ?? []) {
      expect([given, tokenizer?.encode(given)]).toEqual([given, ids])
      expect([given, tokenizer?.decode(ids)]).toEqual([given, decoded])
    }
    const end = { gemma: '<eos>', llama: '</s>', 'llama-bare': '</s>' }[kind]
    const isSentencePiece = end !== undefined
    expect(tokenizer?.eosToken).toBe(end ?? '<|im_end|>')
    expect(tokenizer?.chatTemplate).toBe(isSentencePiece ? null : '{{ messages[0].content }}')
    // What only fills the table up is no token.
    if (!isSentencePiece) expect(tokenizer?.vocabSize).toBeLessThanOrEqual(340)
  })

  it('cuts texts as llama.cpp does by default where the file does not say how', async () => {
    const open = async (pre: readonly Entry[], model = 'gpt2') => {
      const tokens = texts('tokenizer.ggml.tokens', ['a', '1', '2', '!', 'a!', '12'])
      const merges = texts('tokenizer.ggml.merges', ['a !', '1 2'])
      const scores: Entry = ['tokenizer.ggml.scores', 9, joined([u32(6), u64(6), ...[0, 0, 0, 0, 0, 0].map(f32)])]
      const folder = changed(tokens, textEntry('tokenizer.ggml.model', model), merges, scores, ...pre)
      const warnings: string[] = []
      return { tokenizer: await loadTokenizer(folder, { onWarning: (one) => warnings.push(one) }), warnings }
    }
    const unsaid = await open([])
    const said = await open([textEntry('tokenizer.ggml.pre', 'default')])
    for (const { tokenizer } of [unsaid, said]) expect(tokenizer?.encode('a!12a1212')).toEqual([0, 3, 5, 0, 5, 1, 2])
    const rest =
      ', so texts are cut into tokens as llama.cpp does by default; a model that was trained on others answers worse'
    expect(unsaid.warnings).toEqual([expect.stringContaining(`f: the metadata has no tokenizer.ggml.pre${rest}`)])
    expect(said.warnings).toEqual([expect.stringContaining(`f: tokenizer.ggml.pre is "default"${rest}`)])
    expect((await open([textEntry('tokenizer.ggml.pre', 'gpt-2')])).warnings).toEqual([])
    // SentencePiece cuts no texts beforehand.
    expect((await open([textEntry('tokenizer.ggml.pre', 'default')], 'llama')).warnings).toEqual([])
  })

  it('may have several templates by name', async () => {
    const folder = changed(
      texts('tokenizer.ggml.tokens', ['a']),
      textEntry('tokenizer.ggml.model', 'gpt2'),
      textEntry('tokenizer.ggml.pre', 'gpt-2'),
      texts('tokenizer.ggml.merges', []),
      textEntry('tokenizer.chat_template', 'A'),
      texts('tokenizer.chat_templates', ['tool_use']),
      textEntry('tokenizer.chat_template.tool_use', 'B'),
    )
    expect((await loadTokenizer(folder))?.chatTemplate).toEqual({ default: 'A', tool_use: 'B' })
  })

  const tokens = texts('tokenizer.ggml.tokens', ['a', 'b'])
  const gpt2 = [tokens, textEntry('tokenizer.ggml.model', 'gpt2'), texts('tokenizer.ggml.merges', [])]
  it.each<[string, readonly Entry[], string]>([
    [
      'another kind',
      [tokens, textEntry('tokenizer.ggml.model', 'bert')],
      'f: tokenizer.ggml.model "bert" is not read; gpt2 and llama are',
    ],
    [
      'another pre-tokenizer',
      [...gpt2, textEntry('tokenizer.ggml.pre', 'deepseek-llm')],
      'f: tokenizer.ggml.pre "deepseek-llm" is not read; known are default, gpt-2, phi-2,',
    ],
    [
      'a token twice',
      [texts('tokenizer.ggml.tokens', ['a', 'a']), textEntry('tokenizer.ggml.model', 'gpt2')],
      'f: tokenizer.ggml.tokens has a token twice',
    ],
    [
      'an id that no token has',
      [...gpt2, textEntry('tokenizer.ggml.pre', 'gpt-2'), number('tokenizer.ggml.bos_token_id', 2)],
      "f: tokenizer.ggml.bos_token_id 2 is no token's",
    ],
    [
      'lists of different lengths',
      [
        ...[tokens, textEntry('tokenizer.ggml.model', 'llama')],
        ['tokenizer.ggml.scores', 9, joined([u32(6), u64(1), f32(0)])],
      ],
      'f: tokenizer.ggml.scores has 1 entries, tokenizer.ggml.tokens 2',
    ],
    [
      'no merges',
      [...gpt2.slice(0, 2), textEntry('tokenizer.ggml.pre', 'gpt-2')],
      'f: the metadata has no tokenizer.ggml.merges',
    ],
    [
      'values of another kind',
      [textEntry('tokenizer.ggml.tokens', 'a'), textEntry('tokenizer.ggml.model', 'gpt2')],
      'f: metadata tokenizer.ggml.tokens must be a list of texts, got "a"',
    ],
  ])('refuses %s', async (_, entries, message) => {
    await expect(loadTokenizer(changed(...entries))).rejects.toThrow(message)
  })

  it('refuses tokens whose cuts would take time without end', () => {
    const long = 'a'.repeat(129)
    expect(() => mergesOf('f', [long], [0], () => true)).toThrow('f: token 0 has 129 characters, 128 are the most')
    expect(mergesOf('f', [long, 'a', 'aa'], [0, -1, -2], (id) => id > 0)).toEqual([['a', 'a']])
  })
})

describe('the config of a GGUF file', () => {
  it('has the words of transformers', async () => {
    const json = await readJson(changed(number('llama.attention.head_count_kv', 1)), 'config.json')
    expect(json).toMatchObject({
      ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], num_key_value_heads: 1, head_dim: 4 },
      ...{ rms_norm_eps: 0.5, tie_word_embeddings: true, rope_scaling: null, bos_token_id: null, eos_token_id: [] },
    })
  })

  it('has linear and yarn scaling, and several end tokens', async () => {
    const factor: Entry = ['llama.rope.scaling.factor', 6, f32(4)]
    const linear = changed(textEntry('llama.rope.scaling.type', 'linear'), factor)
    expect(await readJson(linear, 'config.json')).toMatchObject({ rope_scaling: { rope_type: 'linear', factor: 4 } })
    const yarn = changed(
      ...[textEntry('llama.rope.scaling.type', 'yarn'), factor],
      ...[number('llama.rope.scaling.original_context_length', 64), number('tokenizer.ggml.eos_token_id', 3)],
      number('tokenizer.ggml.eot_token_id', 4),
    )
    expect(await readJson(yarn, 'config.json')).toMatchObject({
      rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64 },
      eos_token_id: [3, 4],
    })
  })

  it.each<[string, readonly Entry[], object | null]>([
    ['a factor alone is linear', [['llama.rope.scaling.factor', 6, f32(4)]], { rope_type: 'linear', factor: 4 }],
    ['an old one', [['llama.rope.scale_linear', 6, f32(2)]], { rope_type: 'linear', factor: 2 }],
    [
      'a factor of none',
      [textEntry('llama.rope.scaling.type', 'none'), ['llama.rope.scaling.factor', 6, f32(4)]],
      null,
    ],
    ['a factor of 0', [['llama.rope.scaling.factor', 6, f32(0)]], null],
    ['a factor of 1', [['llama.rope.scaling.factor', 6, f32(1)]], null],
  ])('scales positions as llama.cpp does: %s', async (_, entries, rope_scaling) => {
    expect(await readJson(changed(...entries), 'config.json')).toMatchObject({ rope_scaling })
  })

  it('ends texts at the tokens that llama.cpp ends them at', async () => {
    const folder = changed(
      ...[texts('tokenizer.ggml.tokens', ['a', '<end_of_turn>', '<eos>', '<|im_end|>', '<|endoftext|>'])],
      number('tokenizer.ggml.eos_token_id', 2),
    )
    expect(await readJson(folder, 'config.json')).toMatchObject({ eos_token_id: [2, 3, 1, 4] })
  })

  const gemma = (...more: readonly Entry[]) => {
    const own = config.map(([key, ...rest]): Entry => [key.replace('llama.', 'gemma3.'), ...rest])
    return folderOf(ggufFile({ entries: [textEntry('general.architecture', 'gemma3'), ...own.slice(1), ...more] }))
  }
  const flags = (key: string, values: readonly number[]): Entry => {
    return [key, 9, joined([u32(7), u64(values.length), new Uint8Array(values)])]
  }
  const window = number('gemma3.attention.sliding_window', 4)
  const pattern = 'gemma3.attention.sliding_window_pattern'

  it.each<[string, readonly Entry[], string, object]>([
    [
      'every sixth',
      [window],
      'sssssfss',
      { sliding_window: 4, rope_local_base_freq: 10_000, query_pre_attn_scalar: 4 },
    ],
    ['every third', [window, number(pattern, 3)], 'ssfssfss', { sliding_window: 4 }],
    ['those that it lists', [window, flags(pattern, [0, 0, 1, 0, 0, 0, 1, 1])], 'ffsfffss', { sliding_window: 4 }],
    ['none', [window, number(pattern, 0)], 'ssssssss', { sliding_window: 4 }],
    ['all by a list', [flags(pattern, [1, 1, 1, 1, 1, 1, 1, 1])], 'ffffffff', { sliding_window: null }],
    ['all', [], 'ffffffff', { sliding_window: null }],
    ['all without a window', [number('gemma3.attention.sliding_window', 0)], 'ffffffff', { sliding_window: null }],
  ])('lets layers of a Gemma 3 see all: %s', async (_, entries, layers, words) => {
    const json = await readJson(gemma(...entries), 'config.json')
    expect(json).toMatchObject({ model_type: 'gemma3_text', hidden_activation: 'gelu_pytorch_tanh', ...words })
    const types = Array.from(layers, (letter) => (letter === 's' ? 'sliding_attention' : 'full_attention'))
    expect(parseGemma3Config(json).layerTypes).toEqual(types)
  })

  it('refuses norms of a Gemma 3 that are not in F32', async () => {
    const own = config.map(([key, ...rest]): Entry => [key.replace('llama.', 'gemma3.'), ...rest]).slice(1)
    const entries = [textEntry('general.architecture', 'gemma3'), ...own]
    const tensors = [{ name: 'blk.0.attn_q_norm.weight', sizes: [4], type: 1, offset: 0 }]
    const folder = folderOf(ggufFile({ entries, tensors, data: 8 }))
    await expect(Promise.resolve(folder.tensors?.())).rejects.toThrow(
      'f: model.layers.0.self_attn.q_norm.weight is F16; norms that are written as 1 + weight are F32',
    )
  })

  it('counts no layers out before they are held against the rest', async () => {
    const many = config.map(([key, ...rest]): Entry => [key.replace('llama.', 'gemma3.'), ...rest]).slice(1)
    const entries = many.map((entry) => (entry[0] === 'gemma3.block_count' ? number(entry[0], 2 ** 32 - 1) : entry))
    const folder = folderOf(ggufFile({ entries: [textEntry('general.architecture', 'gemma3'), ...entries, window] }))
    const json = await readJson(folder, 'config.json')
    expect(json).toMatchObject({ num_hidden_layers: 2 ** 32 - 1, sliding_window_pattern: 6 })
    expect(() => parseGemma3Config(json)).toThrow(/num_hidden_layers/)
  })

  it('has the scale of the 27B alone, by its layers, and refuses a pattern for other layers', async () => {
    const entries = [...config].map(([key, ...rest]): Entry => [key.replace('llama.', 'gemma3.'), ...rest])
    const large = entries.map((entry) => (entry[0] === 'gemma3.block_count' ? number(entry[0], 62) : entry)).slice(1)
    const folder = folderOf(
      ggufFile({
        entries: [textEntry('general.architecture', 'gemma3'), ...large, number('gemma3.attention.key_length', 6)],
      }),
    )
    expect(await readJson(folder, 'config.json')).toMatchObject({ query_pre_attn_scalar: 4, head_dim: 6 })
    await expect(readJson(gemma(window, flags(pattern, [1])), 'config.json')).rejects.toThrow(
      'f: metadata gemma3.attention.sliding_window_pattern must be a number or true or false for each layer',
    )
  })

  it.each<[string, readonly Entry[], string]>([
    [
      'another architecture',
      [textEntry('general.architecture', 'gpt2')],
      'f: general.architecture "gpt2" is not read from GGUF; known are gemma3, llama, mistral3, qwen2, qwen3,',
    ],
    ['an adapter', [textEntry('general.type', 'adapter')], 'f: it is no model, but has "adapter"'],
    ['a part', [number('split.count', 2)], 'f: is one of 2 files; join them with llama-gguf-split'],
    ['a window', [number('llama.attention.sliding_window', 8)], 'f: llama.attention.sliding_window 8 is not read'],
    ['experts', [number('llama.expert_count', 8)], 'f: llama.expert_count 8 is not read'],
    [
      'a value of another kind',
      [textEntry('llama.block_count', '2')],
      'f: metadata llama.block_count must be a number, got "2"',
    ],
    [
      'a base of rotary positions that is no number',
      [['llama.rope.freq_base', 6, f32(NaN)]],
      'f: metadata llama.rope.freq_base must be a number, got NaN',
    ],
    [
      'a context without end',
      [['llama.context_length', 6, f32(Infinity)]],
      'f: metadata llama.context_length must be a number, got Infinity',
    ],
    [
      'partial positions',
      [number('llama.rope.dimension_count', 2)],
      'f: llama.rope.dimension_count is 2, heads have 4 channels',
    ],
    [
      'other scaling',
      [textEntry('llama.rope.scaling.type', 'longrope'), ['llama.rope.scaling.factor', 6, f32(2)]],
      'f: llama.rope.scaling.type "longrope" is not read',
    ],
    [
      'sharper attention without yarn',
      [['llama.rope.scaling.attn_factor', 6, f32(2)]],
      'f: llama.rope.scaling.attn_factor 2 is not read where llama.rope.scaling.type is "none"',
    ],
  ])('refuses %s', async (_, entries, message) => {
    await expect(readJson(changed(...entries), 'config.json')).rejects.toThrow(message)
  })

  it('refuses factors of positions that are no scaling of Llama 3’s', async () => {
    const tensor = (sizes: readonly number[]) => [{ name: 'rope_freqs.weight', sizes, type: 0, offset: 0 }]
    const bytes = ggufFile({ entries: config, tensors: tensor([2]), data: 8 })
    new DataView(bytes.buffer).setFloat32(bytes.length - 8, 7, true)
    await expect(readJson(folderOf(bytes), 'config.json')).rejects.toThrow(
      'f: rope_freqs.weight has 2 factors up to 7, which are no scaling of Llama 3',
    )
    const both = [...config, ['llama.rope.scaling.factor', 6, f32(2)] as const]
    await expect(
      readJson(folderOf(ggufFile({ entries: both, tensors: tensor([2]), data: 8 })), 'config.json'),
    ).rejects.toThrow('f: has rope_freqs.weight and a factor of 2 ("linear"); only one of them is read')
    const many = folderOf(ggufFile({ entries: config, tensors: tensor([64]), data: 256 }))
    await expect(readJson(many, 'config.json')).rejects.toThrow('f: rope_freqs.weight is [64], not [2]')
  })
})
