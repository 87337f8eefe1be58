import { check } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'
import { type GgufEntry, readBack } from '../../gguf/writer.ts'
import { formatModelConfig, parseModelConfig } from '../../models/architectures.ts'
import type { ModelConfig } from '../../models/causal-lm.ts'
import type { GgufArchitecture } from './gguf-architectures.ts'
import { configOf, type GgufShapes } from './gguf-config.ts'
import { GgufFields } from './gguf-fields.ts'
import { ropeEntries } from './gguf-rope.ts'

/** A model whose config is written, and the tensors that go with it. */
export interface ConfigToWrite {
  /** Begins messages. */
  readonly who: string
  readonly row: GgufArchitecture
  readonly config: ModelConfig
  readonly tensors: GgufShapes
  readonly warn: (message: string) => void
}

/**
 * A model's config in GGUF's keys, as convert_hf_to_gguf.py writes it (`set_gguf_parameters`). They are read back, and
 * held against the config.
 * @throws MedAwareError `unsupported` for what GGUF has no key for; of sliding windows that llama.cpp does not know
 * `warn` is told.
 */
export async function configEntries({ who, row, config, tensors, warn }: ConfigToWrite): Promise<readonly GgufEntry[]> {
  const json = formatModelConfig(config)
  const entries = entriesOf(row, json)
  const metadata = readBack(entries)
  const back = formatModelConfig(parseModelConfig(await configOf(new GgufFields(metadata, who), row, tensors)))
  const differing = Object.keys(json).filter((key) => !unsaid.includes(key) && !areSame(json[key], back[key]))
  const isWithoutWindow = (back['sliding_window'] ?? null) === null && differing.some((key) => windows.includes(key))
  if (isWithoutWindow) {
    warn(
      `${who}: llama.cpp has no sliding window for ${row.name}, so texts of more than ${show(json['sliding_window'])} tokens ` +
        'are read otherwise there',
    )
  }
  const lost = differing.filter((key) => !isWithoutWindow || !windows.includes(key))
  check(lost.length === 0, 'unsupported', () => {
    const words = lost.map((key) => `${key} ${show(json[key])}`).join(', ')
    return `${who}: GGUF cannot say of a ${row.name} model that it has ${words}`
  })
  return entries
}

/** What the tokenizer says, what training from nothing needs, and the name, which another architecture may give. */
const unsaid = ['bos_token_id', 'eos_token_id', 'initializer_range', 'model_type', 'architectures']
const windows = ['sliding_window', 'layer_types', 'use_sliding_window', 'max_window_layers']

function entriesOf(row: GgufArchitecture, json: JsonObject): readonly GgufEntry[] {
  const whole = (key: string, value: unknown): GgufEntry => {
    return { key: `${row.name}.${key}`, type: 'uint32', value: Number(value) }
  }
  return [
    whole('block_count', json['num_hidden_layers']),
    whole('context_length', json['max_position_embeddings']),
    whole('embedding_length', json['hidden_size']),
    whole('feed_forward_length', json['intermediate_size']),
    whole('attention.head_count', json['num_attention_heads']),
    whole('attention.head_count_kv', json['num_key_value_heads']),
    ...ropeEntries(row.name, json),
    {
      key: `${row.name}.attention.layer_norm_rms_epsilon`,
      type: 'float32',
      value: Number(json['rms_norm_eps']),
    },
    whole('attention.key_length', json['head_dim']),
    whole('attention.value_length', json['head_dim']),
    ...(row.hasPairedRows
      ? [whole('vocab_size', json['vocab_size']), whole('rope.dimension_count', json['head_dim'])]
      : []),
    ...(row.entries?.(json) ?? []),
  ]
}

function areSame(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) <= 1e-6 * Math.abs(a)
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => areSame(item, b[i]))
  if (!isJsonObject(a)) return (a ?? null) === (b ?? null)
  return isJsonObject(b) && [...Object.keys(a), ...Object.keys(b)].every((key) => areSame(a[key], b[key]))
}
