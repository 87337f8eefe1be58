import { check, MedAwareError } from '../../core/errors.ts'
import { isJsonObject } from '../../core/json.ts'
import { nearestName } from '../../core/nearest.ts'
import { show, showNames } from '../../core/show.ts'
import { ConfigFields, type ConfigJson } from '../config-fields.ts'

/** Rotary positions, in the words of transformers' rope_parameters (modeling_rope_utils.py). */
export interface RopeConfig {
  readonly theta: number
  /** How frequencies are changed for longer texts than a model was first trained on; `null` for as they are. */
  readonly scaling: RopeScaling | null
}

export type RopeScaling =
  | { readonly type: 'linear'; readonly factor: number }
  /** NTK-aware: beyond maxPositionEmbeddings all frequencies hang on how long the text is (`dynamic_rope_update`). */
  | { readonly type: 'dynamic'; readonly factor: number }
  /** arXiv 2309.00071. */
  | {
      readonly type: 'yarn'
      readonly factor: number
      readonly originalMaxPositionEmbeddings: number
      /** What cosines and sines are multiplied by, so that attention stays as sharp. */
      readonly attentionFactor: number
      /**
       * Turns in the original context: frequencies of more stay as they are, those of fewer than `betaSlow` are
       * divided.
       */
      readonly betaFast: number
      readonly betaSlow: number
      /** Whether the channels between are counted in whole numbers. */
      readonly truncate: boolean
    }
  | {
      readonly type: 'llama3'
      readonly factor: number
      readonly lowFreqFactor: number
      readonly highFreqFactor: number
      readonly originalMaxPositionEmbeddings: number
    }

/**
 * Settings of each kind of scaling. One that belongs to another kind changes what a model computes, so it is refused.
 */
const settingsOf: Readonly<Record<RopeScaling['type'] | 'default', readonly string[]>> = {
  default: [],
  linear: ['factor'],
  dynamic: ['factor'],
  yarn: ['factor', 'attention_factor', 'beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim', 'truncate'],
  llama3: ['factor', 'low_freq_factor', 'high_freq_factor'],
}
const commonSettings = ['rope_type', 'type', 'rope_theta', 'partial_rotary_factor', 'original_max_position_embeddings']
const allSettings = [...new Set(Object.values(settingsOf).flat()), 'short_factor', 'long_factor']

/** The most that a factor or a bound of frequencies may be. */
const most = 1e6

/**
 * Reads `rope_scaling` or `rope_parameters`, and `rope_theta`, as transformers does before its version 5 and since.
 * @param who Whom errors speak for.
 * @param headDim Channels of a head, which are turned in pairs.
 * @param context The model's max_position_embeddings.
 * @throws MedAwareError `unsupported` for another kind of scaling, or one for each kind of layer; `config` for a
 * missing or senseless value, or a setting of another kind.
 */
export function parseRope(json: ConfigJson, who: string, headDim: number, context: number): RopeConfig {
  check(
    headDim % 2 === 0,
    'config',
    () => `${who}: head_dim ${headDim} is odd; rotary positions turn channels in pairs`,
  )
  const { key, words } = ropeWords(json, who)
  const theta = thetaOf(json, words, who)
  const fields = new ConfigFields(words, `${who}: ${key}`)
  const type = typeOf(words, who, key)
  checkSettings(words, `${who}: ${key}`, type)
  fields.only('partial_rotary_factor', 1)
  if (type === 'default') return { theta, scaling: null }
  if (type === 'linear') return { theta, scaling: { type, factor: fields.positive(['factor'], { most }) } }
  if (type === 'dynamic') {
    check(headDim > 2, 'config', () => `${who}: rope_type "dynamic" needs heads of more than 2 channels`)
    return { theta, scaling: { type, factor: fields.positive(['factor'], { most }) } }
  }
  const original = originalContext(json, fields, context)
  return { theta, scaling: type === 'yarn' ? yarn(fields, words, original) : llama3(fields, original) }
}

/** transformers reads past settings that are not the type's, which makes a model that is silently wrong. */
function checkSettings(words: ConfigJson, who: string, type: keyof typeof settingsOf): void {
  for (const [name, value] of Object.entries(words)) {
    if (value === null || settingsOf[type].includes(name) || commonSettings.includes(name)) continue
    const meant = allSettings.includes(name) ? name : nearestName(name, [...settingsOf[type], ...commonSettings])
    const isUseless = meant === null || (name === 'factor' && value === 1)
    check(isUseless, 'config', () => {
      const remedy = meant === name ? 'which has no such setting' : `did you mean ${meant}?`
      return `${who} has ${name} ${show(value)} and rope_type ${show(type)}${meant === name ? ',' : ';'} ${remedy}`
    })
  }
}

function llama3(fields: ConfigFields, originalMaxPositionEmbeddings: number): RopeScaling {
  return {
    type: 'llama3',
    factor: fields.positive(['factor'], { most }),
    lowFreqFactor: fields.positive(['low_freq_factor'], { most }),
    highFreqFactor: fields.positive(['high_freq_factor'], { most }),
    originalMaxPositionEmbeddings,
  }
}

/** `_compute_yarn_parameters`, as far as it hangs on the config alone. */
function yarn(fields: ConfigFields, words: ConfigJson, originalMaxPositionEmbeddings: number): RopeScaling {
  const factor = fields.positive(['factor'], { most })
  const sharpness = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1)
  const [mscale, mscaleAllDim] = ['mscale', 'mscale_all_dim'].map((key) =>
    (words[key] ?? 0) === 0 ? 0 : fields.positive([key], { most }),
  )
  const usual = mscale && mscaleAllDim ? sharpness(mscale) / sharpness(mscaleAllDim) : sharpness(1)
  return {
    type: 'yarn',
    factor,
    originalMaxPositionEmbeddings,
    attentionFactor: fields.positive(['attention_factor'], { most, fallback: usual }),
    betaFast: fields.positive(['beta_fast'], { most, fallback: 32 }),
    betaSlow: fields.positive(['beta_slow'], { most, fallback: 1 }),
    // Python's None is false.
    truncate: words['truncate'] !== null && fields.flag('truncate', true),
  }
}

/** The context of the first training: beside the table, as Phi has it, else in it, else the model's. */
function originalContext(json: ConfigJson, fields: ConfigFields, context: number): number {
  const key = 'original_max_position_embeddings'
  const beside = json[key] ?? undefined
  return beside === undefined
    ? fields.whole([key], { fallback: context })
    : new ConfigFields({ [key]: beside }, 'rope').whole([key])
}

/** The table of settings; that of transformers before version 5 comes first, as it does there. */
function ropeWords(json: ConfigJson, who: string): { readonly key: string; readonly words: ConfigJson } {
  const [old, current] = [tableOf(json, who, 'rope_scaling'), tableOf(json, who, 'rope_parameters')]
  return Object.keys(old).length > 0 ? { key: 'rope_scaling', words: old } : { key: 'rope_parameters', words: current }
}

function tableOf(json: ConfigJson, who: string, key: string): ConfigJson {
  const words = json[key] ?? {}
  check(isJsonObject(words), 'config', () => {
    return `${who}: config.json needs ${key} as an object such as {"rope_type": "linear", "factor": 2}, got ${show(words)}`
  })
  const layers = Object.keys(words).filter((name) => isJsonObject(words[name]))
  check(layers.length === 0, 'unsupported', () => {
    return `${who}: ${key} has a table for each of ${showNames(layers)}; one for all layers is known`
  })
  return words
}

function typeOf(words: ConfigJson, who: string, key: string): keyof typeof settingsOf {
  const isBare = Object.keys(words).every((name) => name === 'rope_theta' || name === 'partial_rotary_factor')
  const type = words['rope_type'] ?? words['type'] ?? (isBare ? 'default' : undefined)
  const types = Object.keys(settingsOf) as (keyof typeof settingsOf)[]
  const known = types.find((name) => name === type)
  if (known !== undefined) return known
  throw new MedAwareError(
    typeof type === 'string' ? 'unsupported' : 'config',
    typeof type === 'string'
      ? `${who}: config.json has rope_type ${show(type)}; known are ${types.map(show).join(', ')}`
      : `${who}: ${key} needs a rope_type, one of ${types.map(show).join(', ')}; it has ${showNames(Object.keys(words))}`,
  )
}

/** A theta in the table counts before one beside it. */
function thetaOf(json: ConfigJson, words: ConfigJson, who: string): number {
  const own = words['rope_theta'] ?? json['rope_theta'] ?? undefined
  const theta = new ConfigFields({ rope_theta: own }, who).positive(['rope_theta'], { fallback: 10000 })
  const unread = isJsonObject(json['rope_parameters']) ? (json['rope_parameters']['rope_theta'] ?? theta) : theta
  check(own !== undefined || unread === theta, 'config', () => {
    return `${who}: rope_scaling stands for rope_parameters, whose rope_theta ${show(unread)} is lost; write it beside the factor`
  })
  return theta
}

/** The keys of a config.json that transformers reads back as the same, before its version 5 and since. */
export function formatRope({ theta, scaling }: RopeConfig): ConfigJson {
  const words = scaling === null ? { rope_type: 'default' } : { rope_type: scaling.type, ...scalingWords(scaling) }
  return {
    rope_theta: theta,
    rope_scaling: scaling === null ? null : words,
    rope_parameters: { ...words, rope_theta: theta },
  }
}

function scalingWords(scaling: RopeScaling): ConfigJson {
  const { factor } = scaling
  if (scaling.type === 'linear' || scaling.type === 'dynamic') return { factor }
  const original = { original_max_position_embeddings: scaling.originalMaxPositionEmbeddings }
  if (scaling.type === 'llama3') {
    return { factor, low_freq_factor: scaling.lowFreqFactor, high_freq_factor: scaling.highFreqFactor, ...original }
  }
  const { attentionFactor, betaFast, betaSlow, truncate } = scaling
  return { factor, ...original, attention_factor: attentionFactor, beta_fast: betaFast, beta_slow: betaSlow, truncate }
}
