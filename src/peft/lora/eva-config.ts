import { flag, number, type OptionRules, whole } from '../../core/options.ts'

/** How EVA starts LoRA, in PEFT's words (peft/tuners/lora/config.py, EvaConfig). */
export interface EvaConfig {
  /** A layer's rank is at most r · rho, from 1 on, where layers keep their ranks. Default 2. */
  readonly rho: number
  /** The cosine from batch to batch, from 0 to 1, at which a direction counts as found. Default 0.99. */
  readonly tau: number
  /** Leave out tokens that have no label. Default true. */
  readonly useLabelMask: boolean
  /** The label of tokens that have none. Default -100. */
  readonly labelMaskValue: number
  /** Divide each direction by the root of its singular value. Default false. */
  readonly whiten: boolean
  /** Change a layer's alpha with its rank, so that its scaling stays. Default true. */
  readonly adjustScalingFactors: boolean
}

/** PEFT's defaults. */
export const evaDefaults: EvaConfig = {
  rho: 2,
  tau: 0.99,
  useLabelMask: true,
  labelMaskValue: -100,
  whiten: false,
  adjustScalingFactors: true,
}

/** A rule for each field. */
export const evaRules: OptionRules<EvaConfig> = {
  rho: number({ from: 1 }),
  tau: number({ from: 0, to: 1 }),
  useLabelMask: flag,
  labelMaskValue: whole(),
  whiten: flag,
  adjustScalingFactors: flag,
}
