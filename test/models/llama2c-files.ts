import { writeSafetensors, type TensorToWrite } from '../../src/safetensors/writer.ts'
import { formatLlamaConfig, type LlamaConfig, parseLlamaConfig } from '../../src/models/llama/llama-config.ts'
import { modelWeights } from '../../src/models/architectures.ts'

/**
 * A checkpoint of llama2.c (its export.py, version 0, a classifier shared with the embeddings) in Hugging Face's
 * format.
 */
export function llama2cFiles(bin: Uint8Array): { readonly config: LlamaConfig; readonly files: File[] } {
  const view = new DataView(bin.buffer, bin.byteOffset)
  const header = Array.from({ length: 7 }, (_, i) => view.getInt32(4 * i, true))
  const [dim = 0, hidden = 0, layers = 0, heads = 0, kvHeads = 0, vocab = 0, context = 0] = header
  const config = parseLlamaConfig({
    model_type: 'llama',
    vocab_size: vocab,
    hidden_size: dim,
    intermediate_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    rms_norm_eps: 1e-5,
    max_position_embeddings: context,
    tie_word_embeddings: true,
    bos_token_id: 1,
  })
  const shapes = new Map(modelWeights(config).map(({ name, shape }) => [name, shape]))
  const tensors: TensorToWrite[] = []
  let at = 4 * header.length
  const take = (name: string, change = (values: Float32Array) => values) => {
    const shape = shapes.get(name) ?? []
    const count = shape.reduce((a, b) => a * b, 1)
    const values = new Float32Array(Uint8Array.from(bin.subarray(at, at + 4 * count)).buffer)
    tensors.push({ name, dtype: 'F32', shape, data: change(values) })
    at += 4 * count
  }
  const turned = (values: Float32Array) => halvesOfPairs(values, dim, config.headDim)
  take('model.embed_tokens.weight')
  for (const [part, change] of [
    ['input_layernorm'],
    ['self_attn.q_proj', turned],
    ['self_attn.k_proj', turned],
    ['self_attn.v_proj'],
    ['self_attn.o_proj'],
    ['post_attention_layernorm'],
    ['mlp.gate_proj'],
    ['mlp.down_proj'],
    ['mlp.up_proj'],
  ] as const) {
    for (let i = 0; i < layers; i++) take(`model.layers.${i}.${part}.weight`, change)
  }
  take('model.norm.weight')
  const model = writeSafetensors(tensors, { format: 'pt' })
  const files = [
    new File([JSON.stringify(formatLlamaConfig(config))], 'config.json'),
    new File([Uint8Array.from(model)], 'model.safetensors'),
  ]
  return { config, files }
}

/**
 * llama2.c turns neighbouring channels, transformers a head's halves: rows 0, 2, 4, …, then 1, 3, 5, … of each head.
 */
function halvesOfPairs(values: Float32Array, columns: number, headDim: number): Float32Array {
  const out = new Float32Array(values.length)
  for (let row = 0; row < values.length / columns; row++) {
    const [head, i] = [Math.floor(row / headDim), row % headDim]
    const half = headDim / 2
    const source = head * headDim + (i < half ? 2 * i : 2 * (i - half) + 1)
    out.set(values.subarray(source * columns, (source + 1) * columns), row * columns)
  }
  return out
}

/**
 * The pieces of a tokenizer of llama2.c, by id: the longest's length, then for each a score, a length and its bytes.
 */
export function llama2cPieces(bin: Uint8Array): readonly Uint8Array[] {
  const view = new DataView(bin.buffer, bin.byteOffset)
  const pieces: Uint8Array[] = []
  for (let at = 4; at < bin.length;) {
    const length = view.getInt32(at + 4, true)
    const piece = bin.subarray(at + 8, at + 8 + length)
    // Bytes that no piece covers stand as <0x0A>.
    const [, byte] = /^<0x(..)>$/.exec(new TextDecoder().decode(piece)) ?? []
    pieces.push(byte === undefined ? piece : Uint8Array.of(parseInt(byte, 16)))
    at += 8 + length
  }
  return pieces
}
