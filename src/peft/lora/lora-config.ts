import { check } from '../../core/errors.ts'
import {
  either,
  flag,
  listOf,
  number,
  oneOf,
  type OptionRules,
  orNull,
  recordOf,
  table,
  that,
  whole,
} from '../../core/options.ts'
import { show } from '../../core/show.ts'
import {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  configFile,
  configFields,
  isType,
  named,
  targetRules,
} from '../config/config-fields.ts'
import {
  alphaRule,
  checkLayers,
  layerRules,
  patternRules,
  type RankPatterns,
  rankRule,
  savedAlphaRule,
} from '../config/layer-fields.ts'
import { lacking, newStart, savedStart, type Start, withoutEffect } from './lora-features.ts'
import { type CordaConfig, cordaRules, savedCordaRules } from './corda-config.ts'
import { type LoftQConfig, loftqRules } from './loftq-config.ts'
import { type EvaConfig, evaRules } from './eva-config.ts'
import { isEmpty } from '../config/features.ts'
import type { TargetNames } from '../targets/target-matching.ts'
import type { TableFields } from '../targets/trained-tokens.ts'

/** How LoRA adapts a model, in PEFT's words (peft/tuners/lora/config.py). */
export interface LoraConfig extends AdapterConfig, TargetNames, RankPatterns, TableFields {
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
  /** Train lengths of the adapted weight's rows beside their directions (DoRA, arXiv 2402.09353). Default false. */
  readonly useDora: boolean
  /** Give B a bias; with initLoraWeights true or false, and not with useDora. Default false. */
  readonly loraBias: boolean
  /**
   * true: A ~ U(±1/√in), B = 0; 'gaussian': A ~ N(0, 1/r²), B = 0; false: neither is 0; 'orthogonal': neither is, but
   * B A is (r even). 'pissa', 'pissa_niter_N', 'olora' and 'loftq' follow from the base's weights, and 'eva' from
   * batches, 'corda' from both: `startLora`. 'mica' only of an adapter that PEFT began. Default true.
   */
  readonly initLoraWeights: Start
  /** Whether weights are stored [in, out]; only false. */
  readonly fanInFanOut: false
  /** How initLoraWeights 'eva' starts; fields that are not given have PEFT's defaults. Default null. */
  readonly evaConfig: Partial<EvaConfig> | null
  /** How initLoraWeights 'corda' starts; fields that are not given have PEFT's defaults. Default null. */
  readonly cordaConfig: Partial<CordaConfig> | null
  /**
   * How initLoraWeights 'loftq' quantises; {} with others. Default { loftqBits: 4, loftqIter: 1 } where it is 'loftq'.
   */
  readonly loftqConfig: Partial<LoftQConfig>
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
  useDora: false,
  loraBias: false,
  initLoraWeights: true,
  layersToTransform: null,
  layersPattern: null,
  rankPattern: {},
  alphaPattern: {},
  fanInFanOut: false,
  ...commonDefaults,
  evaConfig: null,
  cordaConfig: null,
  loftqConfig: {},
  trainableTokenIndices: null,
  ensureWeightTying: false,
}

const tokens = listOf(whole({ from: 0 }))

/** A rule for each field, for a caller who attaches a new adapter. */
const rules: OptionRules<LoraConfig> = {
  r: rankRule,
  loraAlpha: alphaRule,
  loraDropout: number({ from: 0, below: 1 }),
  ...targetRules,
  bias: oneOf(['none', 'all', 'lora_only']),
  useRslora: flag,
  useDora: flag,
  loraBias: flag,
  initLoraWeights: newStart,
  ...layerRules,
  ...patternRules,
  fanInFanOut: that('false', (value) => value === false),
  ...commonRules,
  evaConfig: orNull(table<Partial<EvaConfig>>(evaRules)),
  cordaConfig: orNull(table<Partial<CordaConfig>>(cordaRules)),
  loftqConfig: table<Partial<LoftQConfig>>(loftqRules),
  trainableTokenIndices: named('tokens, tokens by names of modules, or null', orNull(either(tokens, recordOf(tokens)))),
  ensureWeightTying: flag,
  peftType: isType('LORA'),
}

/** What a file may say besides: PEFT loads it, and it computes what it says. */
const savedRules: OptionRules<LoraConfig> = {
  ...rules,
  loraAlpha: savedAlphaRule,
  initLoraWeights: savedStart,
  alphaPattern: recordOf(savedAlphaRule),
  cordaConfig: orNull(table<Partial<CordaConfig>>(savedCordaRules)),
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
  written: { useQalora: false },
  maybeNull: [
    'targetModules',
    'rankPattern',
    'alphaPattern',
    'useRslora',
    'useDora',
    'loraBias',
    'fanInFanOut',
    'loftqConfig',
  ],
  nested: { evaConfig: evaRules, cordaConfig: cordaRules, loftqConfig: loftqRules },
  floats: ['lora_dropout', 'rho', 'tau'],
  // EVA's alphas are quotients.
  floatsOf: ({ initLoraWeights }) => (initLoraWeights === 'eva' ? ['alpha_pattern'] : []),
  forModel: ({ loraTargets }) => (loraTargets === undefined ? {} : { targetModules: loraTargets }),
  check: checkConfig,
})

/** Fields that one start has for itself. */
const ownConfigs = [
  ['evaConfig', 'eva'],
  ['cordaConfig', 'corda'],
  ['loftqConfig', 'loftq'],
] as const

/** Sees that fields fit one another (peft/tuners/lora/config.py, __post_init__). */
function checkConfig(config: LoraConfig, who: string, nameOf: (field: string) => string): void {
  checkLayers(config, who, nameOf)
  const { loraBias, useDora, initLoraWeights } = config
  for (const [field, start] of ownConfigs) {
    // PEFT passes over them in files.
    check(who === configFile || initLoraWeights === start || isEmpty(config[field]), 'config', () => {
      return `${who}: ${nameOf(field)} is for ${nameOf('initLoraWeights')} ${show(start)}, and that is ${show(initLoraWeights)}; leave it out`
    })
  }
  check(!loraBias || !useDora, 'config', () => {
    return `${who}: ${nameOf('loraBias')} true goes without ${nameOf('useDora')}, as in PEFT; leave one of them out`
  })
  check(!loraBias || typeof initLoraWeights === 'boolean', 'config', () => {
    const given = show(initLoraWeights)
    return `${who}: ${nameOf('loraBias')} true needs ${nameOf('initLoraWeights')} true or false, as in PEFT, got ${given}`
  })
}
