import { check, MedAwareError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'
import type { GgufFields } from './gguf-fields.ts'

/** The tensor in which Llama 3's scaling is written: what each frequency is divided by. */
export const ropeFactors = 'rope_freqs.weight'

/** What rotary positions of a model are. */
export interface GgufRope {
  readonly theta: number
  readonly headDim: number
  readonly factors: Float32Array | null
}

/**
 * transformers' `rope_scaling` of a GGUF file, `null` for none.
 * @throws MedAwareError `unsupported` for another kind, or factors that are no scaling of Llama 3's.
 */
export function ropeScaling(fields: GgufFields, architecture: string, rope: GgufRope): JsonObject | null {
  const at = (key: string) => `${architecture}.rope.scaling.${key}`
  const type = fields.text(at('type')) ?? 'none'
  if (rope.factors !== null) return llama3Scaling(fields.who, rope.factors, rope)
  if (type === 'none') return null
  const factor = fields.needed(at('factor'), fields.number(at('factor')))
  if (type === 'linear') return { rope_type: type, factor }
  if (type !== 'yarn') throw new MedAwareError('unsupported', `${fields.who}: ${at('type')} ${show(type)} is not read`)
  const told = {
    original_max_position_embeddings: fields.number(at('original_context_length')),
    attention_factor: fields.number(at('attn_factor')),
    beta_fast: fields.number(at('yarn_beta_fast')),
    beta_slow: fields.number(at('yarn_beta_slow')),
  }
  const said = Object.entries(told).filter(([, value]) => value !== undefined)
  return { rope_type: type, factor, ...Object.fromEntries(said) }
}

/** Contexts that Llama 3's scaling may have begun from: powers of two. */
const originals = Array.from({ length: 17 }, (_, i) => 2 ** (i + 4))

/** The settings that give these factors; the file has no others. All of Llama 3 has bounds of 1 and 4. */
function llama3Scaling(who: string, factors: Float32Array, { theta, headDim }: GgufRope): JsonObject {
  const factor = factors.reduce((most, each) => Math.max(most, each), 1)
  const original = originals.find((context) => {
    return factors.every((each, i) => {
      const wanted = llama3Factor(theta ** ((2 * i) / headDim), factor, context)
      return Math.abs(each - wanted) <= 1e-4 * wanted
    })
  })
  check(original !== undefined, 'unsupported', () => {
    return `${who}: ${ropeFactors} has ${factors.length} factors up to ${factor}, which are no scaling of Llama 3's`
  })
  return {
    rope_type: 'llama3',
    factor,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: original,
  }
}

/** What a frequency of 1 / `period` is divided by (convert_hf_to_gguf.py, `generate_extra_tensors`). */
function llama3Factor(period: number, factor: number, context: number): number {
  const turns = context / (2 * Math.PI * period)
  if (turns > 4) return 1
  if (turns < 1) return factor
  const smooth = (turns - 1) / 3
  return 1 / ((1 - smooth) / factor + smooth)
}
