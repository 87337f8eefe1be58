import type { Architecture } from '../architecture.ts'
import type { WeightSource } from '../weight-picker.ts'
import { formatLlamaConfig, type LlamaConfig, parseLlamaConfig } from './llama-config.ts'
import { LlamaDecoder, llamaPieces, rotaryBuffers } from './llama-decoder.ts'

/** Llama's architecture, Falcon 3's too. */
export class LlamaForCausalLM extends LlamaDecoder<LlamaConfig> {
  /**
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(config: LlamaConfig, weights: WeightSource) {
    const { attentionBias, mlpBias } = config
    const biases = { queries: attentionBias, output: attentionBias, mlp: mlpBias }
    super(config, weights, llamaPieces(config, { biases }))
  }
}

export const llama: Architecture<LlamaConfig> = {
  modelType: 'llama',
  parse: parseLlamaConfig,
  format: formatLlamaConfig,
  create: (config, weights) => new LlamaForCausalLM(config, weights),
  ignores: [
    ...rotaryBuffers,
    'self_attn.bias',
    'self_attn.masked_bias',
    'attn.bias',
    'attn.masked_bias',
    'masked_bias',
    'decoder.version',
    'position_ids',
  ],
}
