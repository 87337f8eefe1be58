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
  text,
  that,
  whole,
} from '../../core/options.ts'
import {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  configFields,
  isType,
  named,
  targetRules,
} from '../config/config-fields.ts'
import { feature, type Features, isNull, keep, lackingAnywhere, merge } from '../config/features.ts'
import { checkLayers, layerRules, rankRule, savedAlphaRule } from '../config/layer-fields.ts'
import type { TargetNames } from '../targets/target-matching.ts'

/** How AdaLoRA adapts a model, in PEFT's words (peft/tuners/adalora/config.py, on top of LoRA's). */
export interface AdaLoraConfig extends AdapterConfig, TargetNames {
  readonly peftType: 'ADALORA'
  /** Rank of each update at first. Default 12. */
  readonly initR: number
  /** Mean rank of the updates in the end, below `initR`. Default 8. */
  readonly targetR: number
  /** Optimizer steps before the ranks are lowered. Default 0. */
  readonly tinit: number
  /** Optimizer steps after they have been lowered. Default 0. */
  readonly tfinal: number
  /** Optimizer steps from one choice of triplets to the next. Default 1. */
  readonly deltaT: number
  /** Smoothing of the importance of parameters, in (0, 1). Default 0.85. */
  readonly beta1: number
  /** Smoothing of its uncertainty, in (0, 1). Default 0.85. */
  readonly beta2: number
  /** Weight of the term that keeps A and B orthogonal, from 0. Default 0.5. */
  readonly orthRegWeight: number
  /**
   * Optimizer steps of the whole training. Default null: those of the run that trains the adapter. PEFT loads no
   * adapter without, so one that was not trained cannot be saved then.
   */
  readonly totalStep: number | null
  /** Which triplets are left of each update, by its path and `.lora_E`; `null` before they are chosen. Default null. */
  readonly rankPattern: Readonly<Record<string, readonly boolean[]>> | null
  /** LoRA's rank, which AdaLoRA does not use; only 8, its default. */
  readonly r: number
  /** The update is scaled by loraAlpha / initR; where it is not above 0, by 1. Default 8. */
  readonly loraAlpha: number
  /** Probability of dropping an input of the update while training, in [0, 1). Default 0. */
  readonly loraDropout: number
  /** Which biases to train: none, those of adapted projections, or all of the model. Default 'none'. */
  readonly bias: 'none' | 'all' | 'lora_only'
  /** true, or any word: A, B ~ N(0, 0.02²), E = 0; false: all ~ N(0, 1). Default true. */
  readonly initLoraWeights: boolean | string
  /** Whether weights are stored [in, out]; only false. */
  readonly fanInFanOut: false
}

/** Projections by architecture (peft/utils/constants.py, …_ADALORA_TARGET_MODULES_MAPPING). */
const byArchitecture: Readonly<Record<string, readonly string[]>> = {
  gemma: ['q_proj', 'v_proj'],
  gemma2: ['q_proj', 'v_proj'],
  gemma3_text: ['q_proj', 'v_proj'],
  gpt_neox: ['query_key_value'],
  llama: ['q_proj', 'v_proj'],
  qwen2: ['q_proj', 'v_proj'],
  qwen3: ['q_proj', 'v_proj'],
}

const defaults: AdaLoraConfig = {
  peftType: 'ADALORA',
  initR: 12,
  targetR: 8,
  tinit: 0,
  tfinal: 0,
  deltaT: 1,
  beta1: 0.85,
  beta2: 0.85,
  orthRegWeight: 0.5,
  totalStep: null,
  rankPattern: null,
  r: 8,
  loraAlpha: 8,
  loraDropout: 0,
  targetModules: [],
  excludeModules: null,
  bias: 'none',
  initLoraWeights: true,
  layersToTransform: null,
  layersPattern: null,
  fanInFanOut: false,
  ...commonDefaults,
}

const steps = whole({ from: 0 })
const smoothing = number({ above: 0, below: 1 })

const rules: OptionRules<AdaLoraConfig> = {
  initR: rankRule,
  targetR: steps,
  tinit: steps,
  tfinal: steps,
  deltaT: whole({ from: 1 }),
  beta1: smoothing,
  beta2: smoothing,
  orthRegWeight: number({ from: 0 }),
  totalStep: orNull(whole({ from: 1 })),
  rankPattern: orNull(recordOf(listOf(flag))),
  r: that("8, LoRA's default, for AdaLoRA takes initR and targetR instead", (value): value is number => value === 8),
  loraAlpha: savedAlphaRule,
  loraDropout: number({ from: 0, below: 1 }),
  ...targetRules,
  bias: oneOf(['none', 'all', 'lora_only']),
  initLoraWeights: flag,
  ...layerRules,
  fanInFanOut: that('false', (value) => value === false),
  ...commonRules,
  peftType: isType('ADALORA'),
}

/** A start is nothing to a finished adapter. */
const savedStart = named('true, false or a word', either(flag, text))

/** LoRA's fields that AdaLoRA lacks, in PEFT or here. */
const lacking: Features = {
  ...lackingAnywhere,
  aloraInvocationTokens: feature('adapts only what follows certain tokens', keep),
  arrowConfig: feature('chooses among several adapters for each token', keep, isNull),
  kasaConfig: feature("truncates the base's weights", merge, isNull),
  layerReplication: feature("stacks the base's layers anew"),
  megatronConfig: feature("is for Megatron's parallel layers", keep),
  montecloraConfig: feature('samples the adapter', merge, isNull),
  targetParameters: feature('adapts parameters that are no linear layer'),
  trainableTokenIndices: feature('trains rows of the embedding beside the adapter'),
  useBdlora: feature('makes A or B block-diagonal', merge, isNull),
  useDora: feature('scales the columns of the adapted weights (DoRA), of which PEFT has no AdaLoRA'),
  veloraConfig: feature("approximates A's gradient", merge, isNull),
}

/** AdaLoRA's config in options and files. */
export const adaLoraFields = configFields<AdaLoraConfig>({
  defaults,
  rules,
  savedRules: { ...rules, r: whole(), initLoraWeights: savedStart },
  lacking,
  withoutEffect: {
    alphaPattern: {},
    cordaConfig: null,
    ensureWeightTying: false,
    evaConfig: null,
    loftqConfig: {},
    loraBias: false,
    loraGaConfig: null,
    megatronCore: 'megatron.core',
    qaloraGroupSize: 16,
    useQalora: false,
    useRslora: false,
  },
  written: { useDora: false },
  aliases: {
    alpha: 'loraAlpha',
    dropout: 'loraDropout',
    targets: 'targetModules',
    modules: 'targetModules',
    initRank: 'initR',
    targetRank: 'targetR',
    totalSteps: 'totalStep',
  },
  maybeNull: ['targetModules', 'fanInFanOut'],
  floats: ['beta1', 'beta2', 'lora_dropout', 'orth_reg_weight'],
  forModel: ({ config }) => ({ targetModules: byArchitecture[config?.modelType ?? ''] ?? [] }),
  check: (config, who, nameOf) => {
    checkLayers(config, who, nameOf)
    if (config.totalStep !== null) checkSchedule(config, config.totalStep, who, nameOf)
  },
})

/** Sees that there are steps between the first and the last ones. @throws MedAwareError `config`. */
export function checkSchedule(
  { tinit, tfinal }: Pick<AdaLoraConfig, 'tinit' | 'tfinal'>,
  total: number,
  who: string,
  nameOf: (field: string) => string,
): void {
  check(tinit < total - tfinal, 'config', () => {
    const [first, last] = [nameOf('tinit'), nameOf('tfinal')]
    return `${who}: ${first} ${tinit} and ${last} ${tfinal} leave none of ${total} steps to lower the ranks in; give fewer, or more steps`
  })
}
