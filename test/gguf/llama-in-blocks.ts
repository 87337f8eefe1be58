import { f32ToF16 } from '../../src/core/float16.ts'
import { Random } from '../../src/core/random.ts'
import { type GgufType, typeOf } from '../../src/gguf/types.ts'
import { type Entry, f32, ggufFile, text, u32 } from './gguf-file.ts'

/** By ggml's name its number, and where in a block the f16 scale is and the f16 number that is added or subtracted. */
const types = {
  Q4_0: { id: 2, scale: 0 },
  Q4_1: { id: 3, scale: 0, least: { at: 2, share: -7.5 } },
  Q5_0: { id: 6, scale: 0 },
  Q5_1: { id: 7, scale: 0, least: { at: 2, share: -15.5 } },
  Q8_0: { id: 8, scale: 0 },
  Q4_K: { id: 12, scale: 0, least: { at: 2, share: 7.5 } },
  Q5_K: { id: 13, scale: 0, least: { at: 2, share: 15.5 } },
  Q6_K: { id: 14, scale: 208 },
} as const

export type BlockTypeName = keyof typeof types
export const blockTypeNames = Object.keys(types) as readonly BlockTypeName[]

/** Rows of K-quants are of 256 at least, so all sizes but those of keys and of the vocabulary are. */
const size = 256
const projections = {
  attn_q: [size, size],
  attn_k: [64, size],
  attn_v: [64, size],
  attn_output: [size, size],
  ffn_gate: [size, size],
  ffn_up: [size, size],
  ffn_down: [size, size],
} as const
export type ProjectionName = keyof typeof projections

export const vocabSize = 32

/**
 * A GGUF file of a Llama of one layer, of four heads on one of keys and values, its projections in blocks of random
 * codes, so that every code is there, and with scales of both signs such that numbers have a deviation of 1/16.
 */
export function llamaInBlocks(typeOfProjection: (name: ProjectionName) => BlockTypeName): Uint8Array {
  const random = new Random(7)
  const tensors = [
    full('token_embd.weight', [vocabSize, size], () => random.normal() / 8),
    ...['blk.0.attn_norm', 'blk.0.ffn_norm', 'output_norm'].map((name) =>
      full(`${name}.weight`, [size], () => 1 + random.normal() / 8),
    ),
    ...(Object.keys(projections) as ProjectionName[]).map((name) => {
      const shape = projections[name]
      const type = typeOfProjection(name)
      const data = blocksOf(type, shape[0] * shape[1], random)
      return { name: `blk.0.${name}.weight`, shape, type: types[type].id, data }
    }),
  ]
  let offset = 0
  const placed = tensors.map(({ name, shape, type, data }) => {
    const at = offset
    offset += Math.ceil(data.length / 32) * 32
    return { name, sizes: [...shape].reverse(), type, offset: at }
  })
  const header = { entries, tensors: placed }
  const start = ggufFile(header).length
  const file = ggufFile({ ...header, data: offset })
  for (const [i, { data }] of tensors.entries()) file.set(data, start + (placed[i]?.offset ?? NaN))
  return file
}

const entries: readonly Entry[] = [
  ['general.architecture', 8, text('llama')],
  ...(
    [
      ['block_count', 1],
      ['context_length', 64],
      ['embedding_length', size],
      ['feed_forward_length', size],
      ['attention.head_count', 4],
      ['attention.head_count_kv', 1],
    ] as const
  ).map(([key, value]): Entry => [`llama.${key}`, 4, u32(value)]),
  ['llama.attention.layer_norm_rms_epsilon', 6, f32(1e-5)],
  ['tokenizer.ggml.model', 8, text('none')],
]

function full(name: string, shape: readonly number[], next: () => number) {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, next)
  return { name, shape, type: 0, data: new Uint8Array(values.buffer) }
}

function blocksOf(type: BlockTypeName, count: number, random: Random): Uint8Array {
  const { id, scale, ...rest } = types[type]
  const { elements, bytes, decode } = typeOf(id, () => type)
  const data = new Uint8Array((count / elements) * bytes)
  for (let i = 0; i < data.length; i++) {
    data[i] = Math.floor(256 * random.uniform())
    // ggml never writes -128 in Q8_0.
    if (type === 'Q8_0' && data[i] === 128) data[i] = 129
  }
  const put = (least: (block: number) => number) => {
    for (let at = 0, block = 0; at < data.length; at += bytes, block++) {
      const own = least(block)
      setHalf(data, at + scale, own)
      if ('least' in rest) setHalf(data, at + rest.least.at, rest.least.share * own)
    }
  }
  put(() => 2 ** -10)
  const deviation = deviationOf(decode, data, count)
  const wanted = Float64Array.from({ length: data.length / bytes }, (_, block) => {
    return ((0.5 + random.uniform()) * (block % 5 === 0 ? -1 : 1) * 2 ** -10) / (16 * deviation)
  })
  put((block) => wanted[block] ?? NaN)
  return data
}

function deviationOf(decode: GgufType['decode'], data: Uint8Array, count: number): number {
  const values = new Float32Array(count)
  decode?.(data, values)
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / count)
}

function setHalf(data: Uint8Array, at: number, value: number): void {
  const [bits = 0] = f32ToF16(Float32Array.of(value))
  data.set([bits & 255, bits >> 8], at)
}
