import { Module } from '../../nn/module.ts'
import type { NormLayer } from '../../nn/norm-layer.ts'
import { geGlu } from '../../ops/activations/gated-units.ts'
import type { KeyValueCache } from '../../ops/attention.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Architecture } from '../architecture.ts'
import { type DecoderBlock, inSequence, type ResidualStream } from '../decoder-blocks.ts'
import { windowOf } from '../llama/layer-types.ts'
import { LlamaDecoder, rotaryBuffers, rotaryPositions } from '../llama/llama-decoder.ts'
import { LlamaAttention, LlamaMlp } from '../llama/llama-layer.ts'
import type { AttentionContext } from '../positions/attention-contexts.ts'
import { RotaryTable } from '../positions/rotary-table.ts'
import type { WeightPicker, WeightSource } from '../weight-picker.ts'
import { formatGemma3Config, type Gemma3Config, parseGemma3Config } from './gemma3-config.ts'

/**
 * The text model of Gemma 3 as transformers computes it (modeling_gemma3.py): Llama's decoder with scaled embeddings,
 * norms that multiply by 1 + weight, four of them a layer and one on each head's queries and keys, a gate of GELU, and
 * layers that slide with angles of their own.
 */
export class Gemma3ForCausalLM extends LlamaDecoder<Gemma3Config> {
  /**
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(config: Gemma3Config, weights: WeightSource) {
    const { vocabSize, hiddenSize, headDim, maxPositionEmbeddings, ropeLocal } = config
    const local = new RotaryTable(ropeLocal, headDim, maxPositionEmbeddings)
    const positions = rotaryPositions(config, (layer) => {
      return config.layerTypes[layer] === 'full_attention'
        ? {}
        : { rotary: local, slidingWindow: windowOf(config, layer) }
    })
    const pieces = {
      embeddings: (get: WeightPicker, name: string) => {
        return get.embedding(name, vocabSize, hiddenSize, Math.fround(Math.sqrt(hiddenSize)))
      },
      block: (get: WeightPicker) => new Gemma3DecoderLayer(config, get),
      norm: normOf(config, hiddenSize),
    }
    super(config, weights, pieces, positions)
  }
}

/** Makes norms of `size` channels, which multiply by 1 + weight. */
function normOf({ rmsNormEps }: Gemma3Config, size: number): (get: WeightPicker, name: string) => NormLayer {
  return (get, name) => get.rmsNorm(name, size, rmsNormEps, 1)
}

/** Attention, then the MLP, each between two norms. */
class Gemma3DecoderLayer
  extends Module<{
    self_attn: LlamaAttention
    mlp: LlamaMlp
    input_layernorm: NormLayer
    post_attention_layernorm: NormLayer
    pre_feedforward_layernorm: NormLayer
    post_feedforward_layernorm: NormLayer
  }>
  implements DecoderBlock
{
  constructor(config: Gemma3Config, get: WeightPicker) {
    const { hiddenSize, headDim, attentionBias: queries, queryPreAttnScalar } = config
    const norm = normOf(config, hiddenSize)
    const traits = { biases: { queries, output: queries, mlp: false }, headNorm: normOf(config, headDim) }
    super(
      {
        self_attn: new LlamaAttention(config, get.under('self_attn'), traits, queryPreAttnScalar ** -0.5),
        mlp: new LlamaMlp(config, get.under('mlp'), { gated: geGlu }),
        input_layernorm: norm(get, 'input_layernorm'),
        post_attention_layernorm: norm(get, 'post_attention_layernorm'),
        pre_feedforward_layernorm: norm(get, 'pre_feedforward_layernorm'),
        post_feedforward_layernorm: norm(get, 'post_feedforward_layernorm'),
      },
      {},
    )
  }

  forward(stream: ResidualStream, told: AttentionContext, cache?: KeyValueCache): ResidualStream {
    const { self_attn, mlp, input_layernorm, post_attention_layernorm } = this.modules
    const { pre_feedforward_layernorm, post_feedforward_layernorm } = this.modules
    const attend = (x: Tensor) => post_attention_layernorm.forward(self_attn.forward(x, told, cache))
    const think = (x: Tensor) => post_feedforward_layernorm.forward(mlp.forward(x))
    return inSequence(stream, [input_layernorm, pre_feedforward_layernorm], attend, think)
  }
}

export const gemma3: Architecture<Gemma3Config> = {
  modelType: 'gemma3_text',
  parse: parseGemma3Config,
  format: formatGemma3Config,
  create: (config, weights) => new Gemma3ForCausalLM(config, weights),
  ignores: [...rotaryBuffers, 'rotary_emb_local.inv_freq'],
}
