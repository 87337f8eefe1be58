import { check } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { sameShape, showShape } from '../../core/shape.ts'
import { show } from '../../core/show.ts'
import type { TensorReader } from '../../safetensors/reader.ts'
import type { GgufArchitecture } from './gguf-architectures.ts'
import type { GgufFields } from './gguf-fields.ts'
import { ropeFactors, ropeScaling } from './gguf-rope.ts'

/** What is asked of a file's tensors. */
export type GgufShapes = Pick<TensorReader, 'has' | 'readF32'> & {
  info(name: string): { readonly shape: readonly number[] }
}

/** Keys of what changes a model and is not read, with the values at which it changes nothing. */
const idle: Readonly<Record<string, readonly unknown[]>> = {
  expert_count: [0],
  'attention.sliding_window': [0],
  'attention.causal': [true],
  'attention.max_alibi_bias': [0],
  'attention.clamp_kqv': [0],
  'attention.scale': [],
  'attention.temperature_scale': [0],
  'rope.scaling.yarn_log_multiplier': [0],
  use_parallel_residual: [false],
  logit_scale: [1],
  residual_scale: [1],
  embedding_scale: [1],
  attn_logit_softcapping: [0],
  final_logit_softcapping: [0],
}

/**
 * The config.json that transformers has for the model of a GGUF file.
 * @throws MedAwareError `format` for a missing or senseless value, `unsupported` for what is not read.
 */
export async function configOf(fields: GgufFields, row: GgufArchitecture, tensors: GgufShapes): Promise<JsonObject> {
  const at = (key: string) => `${row.name}.${key}`
  const number = (key: string) => fields.number(at(key))
  const needed = (key: string) => fields.needed(at(key), number(key))
  for (const [key, nothing] of Object.entries(idle)) {
    const value = fields.metadata.get(at(key))
    check(value === undefined || nothing.includes(value) || row.reads?.includes(key) === true, 'unsupported', () => {
      return `${fields.who}: ${at(key)} ${show(value)} is not read`
    })
  }
  const [hidden, heads] = [needed('embedding_length'), needed('attention.head_count')]
  const layers = needed('block_count')
  const headDim = number('attention.key_length') ?? hidden / heads
  for (const key of ['rope.dimension_count', 'attention.value_length']) {
    check((number(key) ?? headDim) === headDim, 'unsupported', () => {
      return `${fields.who}: ${at(key)} is ${number(key)}, heads have ${headDim} channels; others are not read`
    })
  }
  const has = (name: string) => tensors.has(name)
  const theta = number('rope.freq_base') ?? 10_000
  const factors = has(ropeFactors) ? await factorsOf(tensors, fields.who, headDim / 2) : null
  return {
    model_type: row.modelType,
    architectures: [row.className],
    vocab_size: has('token_embd.weight') ? (tensors.info('token_embd.weight').shape[0] ?? 0) : needed('vocab_size'),
    hidden_size: hidden,
    intermediate_size: needed('feed_forward_length'),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: number('attention.head_count_kv') ?? heads,
    head_dim: headDim,
    hidden_act: 'silu',
    rms_norm_eps: needed('attention.layer_norm_rms_epsilon'),
    max_position_embeddings: needed('context_length'),
    rope_theta: theta,
    rope_scaling: ropeScaling(fields, row.name, { theta, headDim, factors }),
    tie_word_embeddings: !has('output.weight'),
    bos_token_id: fields.number('tokenizer.ggml.bos_token_id') ?? null,
    eos_token_id: endsOf(fields),
    ...row.words({ fields, key: at, number, has, layers, hidden, heads, headDim }),
  }
}

/** Tokens that end a text, whatever the file says of them: llama.cpp stops at these too (src/llama-vocab.cpp). */
const textEnds = [
  ...['<|eot_id|>', '<|eom_id|>', '<|im_end|>', '<end_of_turn>', '<|end|>'],
  ...['<|endoftext|>', '<|end_of_text|>', '</s>', '<eos>'],
]

/** The end of texts first. */
function endsOf(fields: GgufFields): readonly number[] {
  const told = ['eos', 'eot', 'eom'].map((end) => fields.number(`tokenizer.ggml.${end}_token_id`))
  const tokens = fields.texts('tokenizer.ggml.tokens') ?? []
  const found = textEnds.map((token) => tokens.indexOf(token)).filter((id) => id >= 0)
  return [...new Set([...told.filter((id) => id !== undefined), ...found])]
}

/** One factor for each frequency; the header is looked at before they are read. */
async function factorsOf(tensors: GgufShapes, who: string, count: number): Promise<Float32Array> {
  const { shape } = tensors.info(ropeFactors)
  check(sameShape(shape, [count]), 'format', () => `${who}: ${ropeFactors} is ${showShape(shape)}, not [${count}]`)
  return tensors.readF32(ropeFactors)
}
