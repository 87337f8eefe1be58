import { check, MedAwareError } from '../core/errors.ts'
import { ConfigFields, type ConfigJson } from './config-fields.ts'

/** Rotary positions, in the words of transformers' rope_parameters (modeling_rope_utils.py). */
export interface RopeConfig {
  readonly theta: number
  /** How frequencies are changed for longer texts than a model was first trained on; `null` for as they are. */
  readonly scaling: RopeScaling | null
}

export type RopeScaling =
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3'
      readonly factor: number
      readonly lowFreqFactor: number
      readonly highFreqFactor: number
      readonly originalMaxPositionEmbeddings: number
    }

/**
 * Reads `rope_parameters`, or `rope_theta` and `rope_scaling` as before transformers 5.
 * @param who Whom errors speak for.
 * @param headDim Channels of a head, which are turned in pairs.
 * @throws MedAwareError `unsupported` for another kind of scaling, `config` for a missing or senseless value.
 */
export function parseRope(json: ConfigJson, who: string, headDim: number): RopeConfig {
  check(
    headDim % 2 === 0,
    'config',
    () => `${who}: head_dim ${headDim} is odd; rotary positions turn channels in pairs`,
  )
  const given = (json['rope_parameters'] ?? json['rope_scaling'] ?? {}) as ConfigJson
  const theta = new ConfigFields({ ...json, ...given }, who).positive(['rope_theta'], 10000)
  const type = given['rope_type'] ?? given['type'] ?? 'default'
  const fields = new ConfigFields(given, `${who}: rope_parameters`)
  if (type === 'default') return { theta, scaling: null }
  if (type === 'linear') return { theta, scaling: { type, factor: fields.positive(['factor']) } }
  if (type !== 'llama3') {
    throw new MedAwareError(
      'unsupported',
      `${who}: config.json has rope_type ${JSON.stringify(type)}; known are "default", "linear" and "llama3"`,
    )
  }
  return {
    theta,
    scaling: {
      type,
      factor: fields.positive(['factor']),
      lowFreqFactor: fields.positive(['low_freq_factor']),
      highFreqFactor: fields.positive(['high_freq_factor']),
      originalMaxPositionEmbeddings: fields.whole(['original_max_position_embeddings']),
    },
  }
}

/** The keys of a config.json that transformers reads back as the same, before its version 5 and since. */
export function formatRope({ theta, scaling }: RopeConfig): ConfigJson {
  const words =
    scaling === null
      ? { rope_type: 'default' }
      : scaling.type === 'linear'
        ? { rope_type: scaling.type, factor: scaling.factor }
        : {
            rope_type: scaling.type,
            factor: scaling.factor,
            low_freq_factor: scaling.lowFreqFactor,
            high_freq_factor: scaling.highFreqFactor,
            original_max_position_embeddings: scaling.originalMaxPositionEmbeddings,
          }
  return {
    rope_theta: theta,
    rope_scaling: scaling === null ? null : words,
    rope_parameters: { ...words, rope_theta: theta },
  }
}
