import { type OptionRules, that, whole } from '../../core/options.ts'

/** How LoftQ quantises, in PEFT's words (peft/tuners/lora/config.py, LoftQConfig). */
export interface LoftQConfig {
  /** 4: NF4 in blocks of 64; 8: LLM.int8. Default 4. */
  readonly loftqBits: 4 | 8
  /** How often the base is quantised, and A and B made of what that lost. Default 1. */
  readonly loftqIter: number
}

/** PEFT's defaults. */
export const loftqDefaults: LoftQConfig = { loftqBits: 4, loftqIter: 1 }

/** PEFT 0.21.2 has no other numbers of bits either (utils/loftq_utils.py, loftq_init). */
const bits = that('4 or 8', (value): value is 4 | 8 => value === 4 || value === 8)

/** A rule for each field. */
export const loftqRules: OptionRules<LoftQConfig> = { loftqBits: bits, loftqIter: whole({ from: 1 }) }
