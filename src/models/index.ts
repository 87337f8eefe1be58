/**
 * Architectures: configs in and out, the weights they name, and models made of those.
 * @packageDocumentation
 */
export type { Architecture } from './architecture.ts'
export {
  createModel,
  formatModelConfig,
  modelWeights,
  parseModelConfig,
  registerArchitecture,
} from './architectures.ts'
export { CausalDecoder, type DecoderParts } from './causal-decoder.ts'
export type {
  BatchLayout,
  CausalLm,
  EmbeddedBatch,
  ModelConfig,
  ModelInputs,
  ModelOrigin,
  PretrainedLm,
  TokenBatch,
  WeightSpec,
} from './causal-lm.ts'
export { ConfigFields, type ConfigJson } from './config-fields.ts'
export type { DecoderBlock, ResidualStream } from './decoder-blocks.ts'
export { inSequence, normalised } from './decoder-blocks.ts'
export { collate, collatePacked, type Example, labelCount } from './example.ts'
export { FalconForCausalLM } from './falcon/falcon.ts'
export {
  type FalconConfig,
  falconRwConfig,
  type FalconSizes,
  formatFalconConfig,
  parseFalconConfig,
} from './falcon/falcon-config.ts'
export { Gemma3ForCausalLM } from './gemma/gemma3.ts'
export { formatGemma3Config, type Gemma3Config, parseGemma3Config } from './gemma/gemma3-config.ts'
export type { GenerationConfig } from './generation-config.ts'
export { initialWeights } from './initial-weights.ts'
export { LlamaForCausalLM } from './llama/llama.ts'
export { formatLlamaConfig, type LlamaConfig, parseLlamaConfig } from './llama/llama-config.ts'
export { type AttentionContext, everyBlock, type Positions } from './positions/attention-contexts.ts'
export { formatRope, parseRope, type RopeConfig, type RopeScaling } from './positions/rope-config.ts'
export { RotaryTable } from './positions/rotary-table.ts'
export { formatMistralConfig, type MistralConfig, MistralForCausalLM, parseMistralConfig } from './llama/mistral.ts'
export { formatQwen2Config, parseQwen2Config, type Qwen2Config, Qwen2ForCausalLM } from './llama/qwen2.ts'
export { formatQwen3Config, parseQwen3Config, type Qwen3Config, Qwen3ForCausalLM } from './llama/qwen3.ts'
export { formatSmolLm3Config, parseSmolLm3Config, type SmolLm3Config, SmolLm3ForCausalLM } from './llama/smollm3.ts'
export type { LayerType, WindowFields } from './llama/layer-types.ts'
export { WeightPicker, type WeightSource } from './weight-picker.ts'
