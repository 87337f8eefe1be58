import { check } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'
import type { GgufEntry } from '../../gguf/writer.ts'
import type { GgufFacts } from './gguf-facts.ts'

const windowKey = 'attention.sliding_window'

/** Keys that no other architecture reads. */
export const gemma3Keys = [windowKey]

/**
 * What config.json has of a Gemma 3 alone, as llama.cpp takes it (src/models/gemma3.cpp): which layers see all, their
 * other rotary base, and the scale of queries, which the file does not have.
 * @throws MedAwareError `format` for a pattern that does not fit the layers.
 */
export function gemma3Words({ fields, key, number, layers, hidden, heads, headDim }: GgufFacts): JsonObject {
  const window = number(windowKey) ?? 0
  const pattern = key('attention.sliding_window_pattern')
  const told = fields.metadata.get(pattern)
  check(told === undefined || isNatural(told) || areFlags(told, layers), 'format', () => {
    return `${fields.who}: metadata ${pattern} must be a number or true or false for each layer, got ${show(told)}`
  })
  return {
    hidden_activation: 'gelu_pytorch_tanh',
    rope_local_base_freq: number('rope.freq_base_swa') ?? 10_000,
    // The 27B alone has another scale, and is known by its layers.
    query_pre_attn_scalar: layers === 62 ? Math.floor(hidden / heads) : headDim,
    sliding_window: window === 0 ? null : window,
    // Layers are not counted out here: how many there are is the file's word alone.
    ...(window > 0 && Array.isArray(told)
      ? { layer_types: told.map((slides) => (slides === true ? 'sliding_attention' : 'full_attention')) }
      : { sliding_window_pattern: window === 0 ? 1 : told === 0 ? layers + 1 : (told ?? 6) }),
  }
}

/**
 * The keys of that. llama.cpp takes every sixth layer to see all where nothing else is said; of other lists every n-th
 * one can be told, and what else differs is found when the keys are read back.
 */
export function gemma3Entries(config: JsonObject): readonly GgufEntry[] {
  const { sliding_window: window, layer_types: types, rope_local_base_freq: theta } = config
  const local: GgufEntry = { key: 'gemma3.rope.freq_base_swa', type: 'float32', value: Number(theta) }
  if (typeof window !== 'number' || !Array.isArray(types)) return [local]
  const found = types.indexOf('full_attention') + 1
  const period = found === 0 ? types.length + 1 : found
  return [
    local,
    { key: `gemma3.${windowKey}`, type: 'uint32', value: window },
    ...(period === 6 || (found === 0 && types.length < 6)
      ? []
      : [{ key: 'gemma3.attention.sliding_window_pattern', type: 'uint32', value: period } as const]),
  ]
}

function isNatural(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}

function areFlags(value: unknown, count: number): boolean {
  return Array.isArray(value) && value.length === count && value.every((each) => typeof each === 'boolean')
}
