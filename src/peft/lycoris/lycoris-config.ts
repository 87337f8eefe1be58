import { flag, number, type OptionRules, recordOf } from '../../core/options.ts'
import {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  type ConfigTable,
  targetRules,
} from '../config/config-fields.ts'
import { lackingAnywhere } from '../config/features.ts'
import {
  alphaRule,
  checkLayers,
  layerRules,
  patternRules,
  type RankPatterns,
  rankRule,
  savedAlphaRule,
} from '../config/layer-fields.ts'
import type { TargetNames } from '../targets/target-matching.ts'

/**
 * What the configs of LoHa and LoKr have in common, in PEFT's words (peft/tuners/lycoris_utils.py, loha/config.py,
 * lokr/config.py).
 */
export interface LycorisConfig extends AdapterConfig, TargetNames, RankPatterns {
  /** Rank of the update's factors. Default 8. */
  readonly r: number
  /** The update is scaled by alpha / r; not 0. Default 8. */
  readonly alpha: number
  /** Probability of leaving the update out of an output while training, drawn once a pass, in [0, 1). Default 0. */
  readonly rankDropout: number
  /** Probability of leaving a whole update out of a pass while training, in [0, 1). Default 0. */
  readonly moduleDropout: number
  /** Of convolutions, which no model here has; kept for saving. Default false. */
  readonly useEffectiveConv2d: boolean
}

const probability = number({ from: 0, below: 1 })

/** PEFT's defaults. */
export const lycorisDefaults = {
  r: 8,
  alpha: 8,
  rankDropout: 0,
  moduleDropout: 0,
  useEffectiveConv2d: false,
  targetModules: ['query_key_value'],
  excludeModules: null,
  layersToTransform: null,
  layersPattern: null,
  rankPattern: {},
  alphaPattern: {},
  ...commonDefaults,
} as const

/** A rule for each field, for a caller who attaches a new adapter. */
export const lycorisRules: OptionRules<Omit<LycorisConfig, 'peftType'>> = {
  r: rankRule,
  alpha: alphaRule,
  rankDropout: probability,
  moduleDropout: probability,
  useEffectiveConv2d: flag,
  ...targetRules,
  ...layerRules,
  ...patternRules,
  ...commonRules,
}

/** What a file may say besides. */
export const lycorisSavedRules = { alpha: savedAlphaRule, alphaPattern: recordOf(savedAlphaRule) } as const

/** What else their tables of fields say. */
export const lycorisTable = {
  lacking: lackingAnywhere,
  maybeNull: ['targetModules', 'rankPattern', 'alphaPattern'],
  floats: ['rank_dropout', 'module_dropout'],
  forModel: ({ loraTargets }) => (loraTargets === undefined ? {} : { targetModules: loraTargets }),
  check: checkLayers,
} as const satisfies Partial<ConfigTable<LycorisConfig>>
