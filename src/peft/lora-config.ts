import { check } from '../core/errors.ts'
import { isJsonObject } from '../core/json.ts'
import {
  either,
  flag,
  listOf,
  number,
  oneOf,
  type OptionRules,
  orNull,
  readOptions,
  recordOf,
  type Rule,
  text,
  that,
  whole,
} from '../core/options.ts'
import { show } from '../core/show.ts'
import { checkOff, isEmpty, lacking, newStart, savedStart, type Start, withoutEffect } from './lora-features.ts'

/** How LoRA adapts a model, in PEFT's words (peft/tuners/lora/config.py). */
export interface LoraConfig {
  /** Rank of the update. Default 8. */
  readonly r: number
  /** The update is scaled by loraAlpha / r; not 0. Default 8. */
  readonly loraAlpha: number
  /** Probability of dropping an input of the update while training, in [0, 1). Default 0. */
  readonly loraDropout: number
  /**
   * Which projections to adapt: names that a module's path equals or ends with, one regular expression of Python's that a whole
   * path matches, or 'all-linear'. Default: PEFT's choice for the model's architecture, ['query_key_value'] of a Falcon.
   */
  readonly targetModules: readonly string[] | string
  /** What not to adapt after all, by the same rules; nothing where it is empty. Default null. */
  readonly excludeModules: readonly string[] | string | null
  /** Which biases to train: none, those of adapted projections, or all of the model. Default 'none'. */
  readonly bias: 'none' | 'all' | 'lora_only'
  /** Scale by loraAlpha / √r instead (arXiv 2312.03732). Default false. */
  readonly useRslora: boolean
  /**
   * true: A ~ U(±1/√in), B = 0; 'gaussian': A ~ N(0, 1/r²), B = 0; false: neither is 0. 'eva', 'orthogonal' and 'mica' only of an
   * adapter that PEFT began. Default true.
   */
  readonly initLoraWeights: Start
  /** Indices of the only layers to adapt, all where there is none; needs a list of names in targetModules. Default null. */
  readonly layersToTransform: readonly number[] | number | null
  /** A regular expression of what stands before a layer's index in a path, where the first number is not it. Default null. */
  readonly layersPattern: readonly string[] | string | null
  /** Ranks of their own for the paths that a regular expression matches from a dot to the end; the first match wins. */
  readonly rankPattern: Readonly<Record<string, number>>
  /** The same for loraAlpha. */
  readonly alphaPattern: Readonly<Record<string, number>>
  /** Whether weights are stored [in, out]; only false. */
  readonly fanInFanOut: false
  /** Default 'CAUSAL_LM'; PEFT leaves null where it was not told. */
  readonly taskType: 'CAUSAL_LM' | null
  /** What the adapter belongs to: a repository's name or a path. Default null: attachLora takes the model's nameOrPath. */
  readonly baseModelNameOrPath: string | null
  /** The base model's revision. Default null. */
  readonly revision: string | null
  /** What EVA was told, of an adapter that it began; kept for saving. Default null. */
  readonly evaConfig: Readonly<Record<string, unknown>> | null
}

/** PEFT's defaults. */
export const loraDefaults: LoraConfig = {
  r: 8,
  loraAlpha: 8,
  loraDropout: 0,
  targetModules: ['query_key_value'],
  excludeModules: null,
  bias: 'none',
  useRslora: false,
  initLoraWeights: true,
  layersToTransform: null,
  layersPattern: null,
  rankPattern: {},
  alphaPattern: {},
  fanInFanOut: false,
  taskType: 'CAUSAL_LM',
  baseModelNameOrPath: null,
  revision: null,
  evaConfig: null,
}

const rank = whole({ from: 1 })
const fitsF32 = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(Math.fround(value))
const alpha = that('a number other than 0 that f32 holds', (value): value is number => {
  return fitsF32(value) && Math.fround(value) !== 0
})
const names = either(text, listOf(text, 1))
const maybeNames = orNull(either(that('a regular expression', isString), listOf(text)))
const layer = whole({ from: 0 })
const plainObject = that('an object', isJsonObject)

/** A rule for each field, for a caller who attaches a new adapter. */
const rules: OptionRules<LoraConfig> = {
  r: rank,
  loraAlpha: alpha,
  loraDropout: number({ from: 0, below: 1 }),
  targetModules: named('names, a regular expression or "all-linear"', names),
  excludeModules: named('names, a regular expression or null', maybeNames),
  bias: oneOf(['none', 'all', 'lora_only']),
  useRslora: flag,
  initLoraWeights: newStart,
  layersToTransform: orNull(either(layer, listOf(layer))),
  layersPattern: named('regular expressions or null', maybeNames),
  rankPattern: recordOf(rank),
  alphaPattern: recordOf(alpha),
  fanInFanOut: that('false', (value) => value === false),
  taskType: that('"CAUSAL_LM" or null', (value) => value === 'CAUSAL_LM' || value === null),
  baseModelNameOrPath: orNull(text),
  revision: orNull(text),
  evaConfig: orNull(plainObject),
}

const savedAlpha = that('a number that f32 holds', fitsF32)

/** What a file may say besides: PEFT loads it, and it computes what it says. */
export const savedRules: OptionRules<LoraConfig> = {
  ...rules,
  loraAlpha: savedAlpha,
  initLoraWeights: savedStart,
  alphaPattern: recordOf(savedAlpha),
}

/** Names of PEFT and of other libraries. */
const aliases: Readonly<Record<string, keyof LoraConfig>> = {
  rank: 'r',
  lora_r: 'r',
  alpha: 'loraAlpha',
  dropout: 'loraDropout',
  p: 'loraDropout',
  targets: 'targetModules',
  modules: 'targetModules',
  rslora: 'useRslora',
  base_model: 'baseModelNameOrPath',
}

/**
 * Fills in PEFT's defaults. Fields of PEFT that this library lacks may be given at the values that turn them off.
 * @param who Begins an error's sentence.
 * @param defaultTargets What is adapted where `targetModules` is not given.
 * @throws MedAwareError `config` for a senseless value or an unknown field, `unsupported` for a feature of PEFT that this
 * library lacks; both name the field.
 */
export function loraConfig(
  given: Partial<LoraConfig> = {},
  who = 'loraConfig',
  defaultTargets: LoraConfig['targetModules'] = loraDefaults.targetModules,
): LoraConfig {
  const defaults = { ...loraDefaults, targetModules: defaultTargets }
  const fields = plainObject.read(given, who)
  if (fields === undefined) return { ...defaults, ...readOptions<Partial<LoraConfig>>(who, given, rules, aliases) }
  const known = Object.entries(fields).filter(([field, value]) => {
    if (value !== undefined && Object.hasOwn(lacking, field)) checkOff(who, field, value)
    if (Object.hasOwn(rules, field)) return true
    const isOff = isEmpty(value) || value === withoutEffect[field]
    return !(Object.hasOwn(lacking, field) || (Object.hasOwn(withoutEffect, field) && isOff))
  })
  const read = readOptions<Partial<LoraConfig>>(who, Object.fromEntries(known), rules, aliases)
  return checkedLayers({ ...defaults, ...read }, who, (field) => field)
}

/** Sees that what narrows a list of names comes with one. */
export function checkedLayers(
  config: LoraConfig,
  who: string,
  nameOf: (field: keyof LoraConfig) => string,
): LoraConfig {
  const { targetModules, layersToTransform, layersPattern } = config
  for (const field of ['layersToTransform', 'layersPattern'] as const) {
    check(typeof targetModules !== 'string' || isEmpty(config[field]), 'config', () => {
      return `${who}: ${nameOf(field)} needs a list in ${nameOf('targetModules')}, got ${show(targetModules)}`
    })
  }
  check(isEmpty(layersPattern) || layersToTransform !== null, 'config', () => {
    return `${who}: ${nameOf('layersPattern')} needs ${nameOf('layersToTransform')} as well`
  })
  return config
}

/** A rule with words of its own. */
function named<T>(expects: string, rule: Rule<T>): Rule<T> {
  return { expects, read: (value, at) => rule.read(value, at) }
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}
