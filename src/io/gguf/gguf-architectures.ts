import { MedAwareError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'
import type { GgufEntry } from '../../gguf/writer.ts'
import { gemma3Entries, gemma3Keys, gemma3Words } from './gemma3-words.ts'
import type { GgufFacts } from './gguf-facts.ts'
import type { GgufFields } from './gguf-fields.ts'

/** How llama.cpp's converter writes an architecture (convert_hf_to_gguf.py), and so how it is read. */
export interface GgufArchitecture {
  /** What `general.architecture` calls it. */
  readonly name: string
  /** What config.json calls it, and the class of transformers. */
  readonly modelType: string
  readonly className: string
  /** What the converter writes a model of this type as, where that is another row's. */
  readonly writtenAs?: string
  /** Whether rows of q and k are written in pairs, which transformers has in halves. */
  readonly hasPairedRows: boolean
  /** Whether norms are written as 1 + weight. Default false. */
  readonly hasShiftedNorms?: boolean
  /** Whether merges of its SentencePiece go by the order of tokens (transformers, `gemma_tokenizer`). Default false. */
  readonly ordersMerges?: boolean
  /** Names of a block's tensors that differ from the others'. */
  readonly ofBlock?: Readonly<Record<string, string>>
  /** Keys that it reads of those that nothing else does. */
  readonly reads?: readonly string[]
  /** What config.json has beyond what all have. */
  readonly words: (model: GgufFacts) => JsonObject
  /** The keys that are written of those, from config.json. Default none. */
  readonly entries?: (config: JsonObject) => readonly GgufEntry[]
}

const rows: readonly GgufArchitecture[] = [
  {
    ...{ name: 'gemma3', modelType: 'gemma3_text', className: 'Gemma3ForCausalLM', hasPairedRows: false },
    hasShiftedNorms: true,
    ordersMerges: true,
    ofBlock: {
      post_attention_norm: 'post_attention_layernorm',
      ffn_norm: 'pre_feedforward_layernorm',
      post_ffw_norm: 'post_feedforward_layernorm',
    },
    reads: gemma3Keys,
    words: gemma3Words,
    entries: gemma3Entries,
  },
  { name: 'llama', modelType: 'llama', className: 'LlamaForCausalLM', hasPairedRows: true, words: biases },
  // Mistral Small 3.1's text model; llama.cpp has its older ones as llama. None of either has a window.
  {
    ...{ name: 'mistral3', modelType: 'mistral', className: 'MistralForCausalLM', hasPairedRows: true },
    words: () => ({ sliding_window: null }),
    writtenAs: 'llama',
  },
  { name: 'qwen2', modelType: 'qwen2', className: 'Qwen2ForCausalLM', hasPairedRows: false, words: () => ({}) },
  { name: 'qwen3', modelType: 'qwen3', className: 'Qwen3ForCausalLM', hasPairedRows: false, words: () => ({}) },
  {
    ...{ name: 'smollm3', modelType: 'smollm3', className: 'SmolLM3ForCausalLM', hasPairedRows: true },
    // llama.cpp has one layer in four without positions, whatever the model (src/models/smollm3.cpp), and no window.
    words: (model) => ({ ...biases(model), no_rope_layer_interval: 4, use_sliding_window: false }),
  },
]

function biases({ has }: GgufFacts): JsonObject {
  return { attention_bias: has('blk.0.attn_q.bias'), mlp_bias: has('blk.0.ffn_gate.bias') }
}

/** @throws MedAwareError `unsupported` for an architecture that has no row, and a file that is no whole model. */
export function ggufArchitecture(fields: GgufFields): GgufArchitecture {
  const type = fields.text('general.type') ?? 'model'
  if (type !== 'model') throw new MedAwareError('unsupported', `${fields.who}: it is no model, but has ${show(type)}`)
  const parts = fields.number('split.count') ?? 1
  if (parts > 1) {
    throw new MedAwareError('unsupported', `${fields.who}: is one of ${parts} files; join them with llama-gguf-split`)
  }
  const name = fields.needed('general.architecture', fields.text('general.architecture'))
  const found = rows.find((row) => row.name === name)
  if (found !== undefined) return found
  const known = rows.map((row) => row.name).join(', ')
  throw new MedAwareError(
    'unsupported',
    `${fields.who}: general.architecture ${show(name)} is not read from GGUF; known are ${known}`,
  )
}

/**
 * How a model of config.json's `model_type` is written.
 * @throws MedAwareError `unsupported` for one that has no row.
 */
export function ggufArchitectureOf(who: string, modelType: string): GgufArchitecture {
  const own = rows.find((row) => row.modelType === modelType)
  const found = own?.writtenAs === undefined ? own : rows.find(({ name }) => name === own.writtenAs)
  if (found !== undefined) return found
  const known = rows.map((row) => row.modelType).join(', ')
  throw new MedAwareError(
    'unsupported',
    `${who}: model_type ${show(modelType)} is not written as GGUF; known are ${known}`,
  )
}

/** Tensors of a block, and of the whole model, by the part of their names before `.weight` or `.bias`. */
const ofBlock: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
}
const ofModel: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
}

/** What transformers calls a tensor; a name that is not known stays, for the error that lists what is not expected. */
export function checkpointName(row: GgufArchitecture, name: string): string {
  const [, index, block = '', part, end = ''] = /^(?:blk\.(\d+)\.(\w+)|(\w+))\.(weight|bias)$/.exec(name) ?? []
  const known = index === undefined ? own(ofModel, part ?? '') : own({ ...ofBlock, ...row.ofBlock }, block)
  if (known === undefined) return name
  return index === undefined ? `${known}.${end}` : `model.layers.${index}.${known}.${end}`
}

/** What llama.cpp calls a weight or a bias of transformers', `null` for one that it does not know. */
export function ggufName(row: GgufArchitecture, name: string): string | null {
  const [, index, block = '', part = '', end = ''] =
    /^(?:model\.layers\.(\d+)\.(.+)|(.+))\.(weight|bias)$/.exec(name) ?? []
  const table = Object.entries(index === undefined ? ofModel : { ...ofBlock, ...row.ofBlock })
  const [known] = table.find(([, its]) => its === (index === undefined ? part : block)) ?? []
  if (known === undefined) return null
  return index === undefined ? `${known}.${end}` : `blk.${index}.${known}.${end}`
}

function own(table: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
