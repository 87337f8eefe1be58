import { check } from '../../core/errors.ts'
import { isJsonObject } from '../../core/json.ts'
import {
  either,
  flag,
  listOf,
  number,
  oneOf,
  type OptionRules,
  orNull,
  recordOf,
  that,
  whole,
} from '../../core/options.ts'
import { show } from '../../core/show.ts'
import {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  configFields,
  isType,
  maybeNamesRule,
  targetRules,
} from '../config/config-fields.ts'
import { isEmpty } from '../config/features.ts'
import { lacking, newStart, savedStart, type Start, withoutEffect } from './lora-features.ts'
import type { TargetNames } from '../targets/target-matching.ts'

/** How LoRA adapts a model, in PEFT's words (peft/tuners/lora/config.py). */
export interface LoraConfig extends AdapterConfig, TargetNames {
  readonly peftType: 'LORA'
  /** Rank of the update. Default 8. */
  readonly r: number
  /** The update is scaled by loraAlpha / r; not 0. Default 8. */
  readonly loraAlpha: number
  /** Probability of dropping an input of the update while training, in [0, 1). Default 0. */
  readonly loraDropout: number
  /** Which biases to train: none, those of adapted projections, or all of the model. Default 'none'. */
  readonly bias: 'none' | 'all' | 'lora_only'
  /** Scale by loraAlpha / √r instead (arXiv 2312.03732). Default false. */
  readonly useRslora: boolean
  /**
   * true: A ~ U(±1/√in), B = 0; 'gaussian': A ~ N(0, 1/r²), B = 0; false: neither is 0. 'eva', 'orthogonal' and 'mica'
   * only of an adapter that PEFT began. Default true.
   */
  readonly initLoraWeights: Start
  /** Ranks of their own for the paths that a regular expression matches from a dot to the end; the first match wins. */
  readonly rankPattern: Readonly<Record<string, number>>
  /** The same for loraAlpha. */
  readonly alphaPattern: Readonly<Record<string, number>>
  /** Whether weights are stored [in, out]; only false. */
  readonly fanInFanOut: false
  /** What EVA was told, of an adapter that it began; kept for saving. Default null. */
  readonly evaConfig: Readonly<Record<string, unknown>> | null
}

/** PEFT's defaults. */
const defaults: LoraConfig = {
  peftType: 'LORA',
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
  ...commonDefaults,
  evaConfig: null,
}

const rank = whole({ from: 1 })
const fitsF32 = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(Math.fround(value))
const alpha = that('a number other than 0 that f32 holds', (value): value is number => {
  return fitsF32(value) && Math.fround(value) !== 0
})
const layer = whole({ from: 0 })

/** A rule for each field, for a caller who attaches a new adapter. */
const rules: OptionRules<LoraConfig> = {
  r: rank,
  loraAlpha: alpha,
  loraDropout: number({ from: 0, below: 1 }),
  ...targetRules,
  bias: oneOf(['none', 'all', 'lora_only']),
  useRslora: flag,
  initLoraWeights: newStart,
  layersToTransform: orNull(either(layer, listOf(layer))),
  layersPattern: maybeNamesRule,
  rankPattern: recordOf(rank),
  alphaPattern: recordOf(alpha),
  fanInFanOut: that('false', (value) => value === false),
  ...commonRules,
  evaConfig: orNull(that('an object', isJsonObject)),
  peftType: isType('LORA'),
}

const savedAlpha = that('a number that f32 holds', fitsF32)

/** What a file may say besides: PEFT loads it, and it computes what it says. */
const savedRules: OptionRules<LoraConfig> = {
  ...rules,
  loraAlpha: savedAlpha,
  initLoraWeights: savedStart,
  alphaPattern: recordOf(savedAlpha),
}

/** LoRA's config in options and files. */
export const loraFields = configFields<LoraConfig>({
  ...{ defaults, rules, savedRules, lacking, withoutEffect },
  aliases: {
    rank: 'r',
    lora_r: 'r',
    alpha: 'loraAlpha',
    dropout: 'loraDropout',
    p: 'loraDropout',
    targets: 'targetModules',
    modules: 'targetModules',
    rslora: 'useRslora',
    base_model: 'baseModelNameOrPath',
  },
  written: { loraBias: false, useDora: false, useQalora: false },
  maybeNull: ['targetModules', 'rankPattern', 'alphaPattern', 'useRslora', 'fanInFanOut'],
  floats: ['lora_dropout', 'rho', 'tau'],
  forModel: ({ loraTargets }) => (loraTargets === undefined ? {} : { targetModules: loraTargets }),
  check: checkLayers,
})

/** Sees that what narrows a list of names comes with one. */
function checkLayers(config: LoraConfig, who: string, nameOf: (field: string) => string): void {
  const { targetModules, layersToTransform, layersPattern } = config
  for (const field of ['layersToTransform', 'layersPattern'] as const) {
    check(typeof targetModules !== 'string' || isEmpty(config[field]), 'config', () => {
      return `${who}: ${nameOf(field)} needs a list in ${nameOf('targetModules')}, got ${show(targetModules)}`
    })
  }
  check(isEmpty(layersPattern) || layersToTransform !== null, 'config', () => {
    return `${who}: ${nameOf('layersPattern')} needs ${nameOf('layersToTransform')} as well`
  })
}
