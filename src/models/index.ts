/**
 * Architectures: configs in and out, the weights they name, and models made of those.
 * @packageDocumentation
 */
export { createModel, formatModelConfig, modelWeights, parseModelConfig } from './architectures.ts'
export { CausalDecoder } from './causal-decoder.ts'
export type { CausalLm, ModelConfig, ModelOrigin, PretrainedLm, TokenBatch, WeightSpec } from './causal-lm.ts'
export { collate, type Example, labelCount } from './example.ts'
export { FalconForCausalLM, falconWeights } from './falcon.ts'
export {
  type FalconConfig,
  falconRwConfig,
  type FalconSizes,
  formatFalconConfig,
  parseFalconConfig,
} from './falcon-config.ts'
export type { GenerationConfig } from './generation-config.ts'
export { initialWeights } from './initial-weights.ts'
export { LlamaForCausalLM, llamaWeights } from './llama.ts'
export { formatLlamaConfig, type LlamaConfig, parseLlamaConfig } from './llama-config.ts'
export type { RopeConfig, RopeScaling } from './rope-config.ts'
