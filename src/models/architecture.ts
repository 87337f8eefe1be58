import { callback, listOf, type OptionRules, text } from '../core/options.ts'
import type { ModelConfig, PretrainedLm } from './causal-lm.ts'
import type { ConfigJson } from './config-fields.ts'
import type { WeightSource } from './weight-picker.ts'

/** How a decoder is read from a checkpoint, made and written: all that loading, planning and saving know of it. */
export interface Architecture<C extends ModelConfig = ModelConfig> {
  /** What config.json calls it (`model_type`), and its configs. */
  readonly modelType: C['modelType']
  /** Other names that config.json may have for it. Default none. */
  readonly aliases?: readonly string[]
  /**
   * Ends of the names of tensors that a checkpoint may have and the model has no use for: buffers that were saved once.
   * Default none.
   */
  readonly ignores?: readonly string[]
  /** Reads a config.json. @throws MedAwareError `unsupported` or `config`, and names the key. */
  parse(json: ConfigJson): C
  /** The config.json that transformers reads back as the same model. */
  format(config: C): ConfigJson
  /**
   * Makes the model. It asks `weights` for each weight once, best by a `WeightPicker`: what it asks for is the list of
   * its weights (`modelWeights`), in that order. It may do no arithmetic with them, for they may hold nothing.
   */
  create(config: C, weights: WeightSource): PretrainedLm
}

/** Its fields, as a caller gives them. */
export const architectureRules: OptionRules<Architecture> = {
  modelType: text,
  aliases: listOf(text),
  ignores: listOf(text),
  parse: callback(),
  format: callback(),
  create: callback(),
}
