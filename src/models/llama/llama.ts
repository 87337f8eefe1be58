import type { Lookup } from '../../nn/embedding.ts'
import type { Head } from '../../nn/language-head.ts'
import type { Projection } from '../../nn/linear.ts'
import { Module, ModuleList } from '../../nn/module.ts'
import type { NormLayer } from '../../nn/norm-layer.ts'
import { attention, type KeyValueCache } from '../../ops/attention.ts'
import type { HeadLayout } from '../../ops/head-layout.ts'
import { swiGlu } from '../../ops/activations/swi-glu.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Architecture } from '../architecture.ts'
import { CausalDecoder, type DecoderParts } from '../causal-decoder.ts'
import { type AttentionContext, type DecoderBlock, inSequence, type ResidualStream } from '../decoder-blocks.ts'
import { formatLlamaConfig, type LlamaConfig, type LlamaFields, parseLlamaConfig } from './llama-config.ts'
import { RotaryTable } from '../positions/rotary-table.ts'
import { WeightPicker, type WeightSource } from '../weight-picker.ts'

/** Which projections have biases: those of queries, keys and values, that of what attention gives, those of the MLP. */
export interface LlamaBiases {
  readonly queries: boolean
  readonly output: boolean
  readonly mlp: boolean
}

/**
 * Llama's decoder as transformers computes it (modeling_llama.py): rotary positions, grouped key heads, RMS norms,
 * SwiGLU. Architectures that compute as it does say which biases they have. Module names are the checkpoint's.
 */
export abstract class LlamaDecoder<C extends LlamaFields> extends CausalDecoder<{
  model: LlamaModel
  lm_head: Head
}> {
  readonly loraTargets = ['q_proj', 'v_proj']
  protected readonly rotary: RotaryTable

  /**
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(
    readonly config: C,
    weights: WeightSource,
    biases: LlamaBiases,
  ) {
    const get = new WeightPicker(config.modelType, weights)
    const model = new LlamaModel(config, get.under('model'), biases)
    super({ model, lm_head: get.head('lm_head', config, () => model.modules.embed_tokens) }, {})
    this.rotary = new RotaryTable(config.rope, config.headDim, config.maxPositionEmbeddings)
  }

  get cacheShape(): readonly [number, number] {
    return [this.config.numKeyValueHeads, this.config.headDim]
  }

  protected get parts(): DecoderParts {
    const { model, lm_head: head } = this.modules
    const { embed_tokens: embeddings, layers: blocks, norm } = model.modules
    return { embeddings, blocks, norm, head }
  }
}

/** Llama's architecture, Falcon 3's too. */
export class LlamaForCausalLM extends LlamaDecoder<LlamaConfig> {
  /**
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(config: LlamaConfig, weights: WeightSource) {
    const { attentionBias, mlpBias } = config
    super(config, weights, { queries: attentionBias, output: attentionBias, mlp: mlpBias })
  }
}

/** The decoder without its head. */
class LlamaModel extends Module<{ embed_tokens: Lookup; layers: ModuleList<LlamaDecoderLayer>; norm: NormLayer }> {
  constructor(config: LlamaFields, get: WeightPicker, biases: LlamaBiases) {
    const { vocabSize, hiddenSize, numHiddenLayers, rmsNormEps } = config
    super(
      {
        embed_tokens: get.embedding('embed_tokens', vocabSize, hiddenSize),
        layers: ModuleList.of(numHiddenLayers, (i) => new LlamaDecoderLayer(config, get.under(`layers.${i}`), biases)),
        norm: get.rmsNorm('norm', hiddenSize, rmsNormEps),
      },
      {},
    )
  }
}

class LlamaDecoderLayer
  extends Module<{
    input_layernorm: NormLayer
    self_attn: LlamaAttention
    post_attention_layernorm: NormLayer
    mlp: LlamaMlp
  }>
  implements DecoderBlock
{
  constructor(config: LlamaFields, get: WeightPicker, biases: LlamaBiases) {
    const { hiddenSize, rmsNormEps } = config
    super(
      {
        input_layernorm: get.rmsNorm('input_layernorm', hiddenSize, rmsNormEps),
        self_attn: new LlamaAttention(config, get.under('self_attn'), biases),
        post_attention_layernorm: get.rmsNorm('post_attention_layernorm', hiddenSize, rmsNormEps),
        mlp: new LlamaMlp(config, get.under('mlp'), biases.mlp),
      },
      {},
    )
  }

  forward(stream: ResidualStream, told: AttentionContext, cache?: KeyValueCache): ResidualStream {
    const { input_layernorm, self_attn, post_attention_layernorm, mlp } = this.modules
    const attend = (x: Tensor) => self_attn.forward(x, told, cache)
    return inSequence(stream, [input_layernorm, post_attention_layernorm], attend, (x) => mlp.forward(x))
  }
}

class LlamaAttention extends Module<Record<'q_proj' | 'k_proj' | 'v_proj' | 'o_proj', Projection>> {
  readonly #layout: HeadLayout

  constructor(config: LlamaFields, get: WeightPicker, { queries: bias, output }: LlamaBiases) {
    const { hiddenSize: c, numAttentionHeads: heads, numKeyValueHeads: kvHeads, headDim: dim } = config
    super(
      {
        q_proj: get.linear('q_proj', { out: heads * dim, into: c, bias }),
        k_proj: get.linear('k_proj', { out: kvHeads * dim, into: c, bias }),
        v_proj: get.linear('v_proj', { out: kvHeads * dim, into: c, bias }),
        o_proj: get.linear('o_proj', { out: c, into: heads * dim, bias: output }),
      },
      {},
    )
    this.#layout = { heads, kvHeads, dim }
  }

  forward(x: Tensor, told: AttentionContext, cache?: KeyValueCache): Tensor {
    const { q_proj, k_proj, v_proj, o_proj } = this.modules
    const rows = { q: q_proj.forward(x), k: k_proj.forward(x), v: v_proj.forward(x) }
    return o_proj.forward(attention(rows, this.#layout, { ...told, cache }))
  }
}

class LlamaMlp extends Module<Record<'gate_proj' | 'up_proj' | 'down_proj', Projection>> {
  constructor({ hiddenSize: c, intermediateSize: f }: LlamaFields, get: WeightPicker, bias: boolean) {
    super(
      {
        gate_proj: get.linear('gate_proj', { out: f, into: c, bias }),
        up_proj: get.linear('up_proj', { out: f, into: c, bias }),
        down_proj: get.linear('down_proj', { out: c, into: f, bias }),
      },
      {},
    )
  }

  forward(x: Tensor): Tensor {
    const { gate_proj, up_proj, down_proj } = this.modules
    return down_proj.forward(swiGlu(gate_proj.forward(x), up_proj.forward(x)))
  }
}

export const llama: Architecture<LlamaConfig> = {
  modelType: 'llama',
  parse: parseLlamaConfig,
  format: formatLlamaConfig,
  create: (config, weights) => new LlamaForCausalLM(config, weights),
  // Transformers saved these before 4.32, and converters do to this day.
  ignores: [
    'rotary_emb.inv_freq',
    'rotary_emb.cos_cached',
    'rotary_emb.sin_cached',
    'self_attn.bias',
    'self_attn.masked_bias',
    'attn.bias',
    'attn.masked_bias',
    'masked_bias',
    'decoder.version',
    'position_ids',
  ],
}
