/**
 * Adapters, and what a method of one's own is made of: a row for the table of methods (`registerMethod`), whose places
 * are projections, each with a `LinearAdapter`.
 * @packageDocumentation
 */
export { flag, number, type OptionRules, type Rule, whole } from '../core/options.ts'
export type { Random } from '../core/random.ts'
export { type Adaptable } from './adaptable.ts'
export { AdaptedLayer, bareModules, type Factors, LayerAdapter } from './layers/adapted-layer.ts'
export { AdaptedLinear, LinearAdapter, type Project } from './layers/adapted-linear.ts'
export {
  type AdapterMethod,
  linearPlace,
  type LinearPlace,
  type Place,
  type PlaceOptions,
  type SharedTensors,
} from './adapter-method.ts'
export { Adapter } from './adapter.ts'
export type { AdapterTraining, TrainedStep, TrainingPlan } from './adapter-training.ts'
export { attachAdapter, type AttachOptions, type GivenConfig } from './attach.ts'
export {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  configFields,
  type ConfigFields,
  type ConfigTable,
  isType,
  targetRules,
} from './config/config-fields.ts'
export type { Feature, Features } from './config/features.ts'
export type { AdaLoraConfig } from './adalora/adalora-config.ts'
export type { Ia3Config } from './methods/ia3.ts'
export type { LnTuningConfig } from './methods/ln-tuning.ts'
export type { LohaConfig } from './methods/loha.ts'
export type { TrainableTokensConfig } from './methods/trainable-tokens.ts'
export type { VeraConfig } from './methods/vera.ts'
export type { PTuningConfig } from './methods/p-tuning.ts'
export type { PrefixTuningConfig } from './methods/prefix-tuning.ts'
export type { PromptTuningConfig } from './methods/prompt-tuning.ts'
export type { LokrConfig } from './methods/lokr.ts'
export type { OftConfig } from './oft/oft-config.ts'
export type { LoraConfig } from './lora/lora-config.ts'
export { type ConfigOf, isConfigOf, type KnownType, registerMethod } from './methods.ts'
export { NamePatterns } from './targets/module-names.ts'
export { type FindOptions, findTargets, type Target, type TargetNames } from './targets/target-matching.ts'
