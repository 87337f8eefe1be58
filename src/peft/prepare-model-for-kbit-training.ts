import { flag, type OptionRules, readArgument, readOptions, withMethods } from '../core/options.ts'
import type { Module } from '../nn/module.ts'
import { Tensor } from '../tensor/tensor.ts'

/** How a quantised model is made ready. */
export interface KbitTrainingOptions {
  /**
   * Turn on the model's `gradientCheckpointing`, where any of its weights is in 4 or 8 bits. Default true, as in PEFT.
   */
  readonly useGradientCheckpointing?: boolean
}

const rules: OptionRules<KbitTrainingOptions> = { useGradientCheckpointing: flag }
const modelRule = withMethods<Module>("a model, such as loadModel's", ['namedWeights', 'setRequiresGrad'])

/**
 * Makes a model in 4 or 8 bits ready for an adapter, as PEFT's function of this name does (utils/other.py): every
 * parameter is frozen, and decoder blocks keep only their input. What else PEFT does there is so here by itself:
 * vectors are f32, and tables of 16 bits are decoded to f32 where they are read; gradients pass through checkpointed
 * blocks without a hook on the embeddings.
 * @returns The model.
 * @throws MedAwareError `config` for bad options.
 */
export function prepareModelForKbitTraining<M extends Module & { gradientCheckpointing: boolean }>(
  model: M,
  options: KbitTrainingOptions = {},
): M {
  const who = 'prepareModelForKbitTraining'
  readArgument(who, 'model', model, modelRule)
  const { useGradientCheckpointing = true } = readOptions(who, options, rules)
  model.setRequiresGrad(false)
  const isQuantised = [...model.namedWeights()].some(([, weight]) => !(weight instanceof Tensor))
  if (isQuantised && useGradientCheckpointing) model.gradientCheckpointing = true
  return model
}
