import type { Lookup } from '../../nn/embedding.ts'
import type { Head } from '../../nn/language-head.ts'
import type { Projection } from '../../nn/linear.ts'
import { Module, ModuleList } from '../../nn/module.ts'
import type { NormLayer } from '../../nn/norm-layer.ts'
import { add } from '../../ops/add.ts'
import { attention, type KeyValueCache } from '../../ops/attention.ts'
import { gelu } from '../../ops/activations/gelu.ts'
import type { HeadLayout } from '../../ops/head-layout.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Architecture } from '../architecture.ts'
import { CausalDecoder, type DecoderParts } from '../causal-decoder.ts'
import { type DecoderBlock, inSequence, normalised, type ResidualStream } from '../decoder-blocks.ts'
import { type AttentionContext, everyBlock, type Positions } from '../positions/attention-contexts.ts'
import { falconAliases, type FalconConfig, formatFalconConfig, parseFalconConfig } from './falcon-config.ts'
import { RotaryTable } from '../positions/rotary-table.ts'
import { WeightPicker, type WeightSource } from '../weight-picker.ts'

/**
 * The Falcon family as transformers computes it with sdpa (modeling_falcon.py): ALiBi or rotary positions; a key head
 * for each query head, each group or all; attention and MLP in sequence or side by side; exact GELU. Module names are
 * the checkpoint's.
 */
export class FalconForCausalLM extends CausalDecoder<{ transformer: FalconModel; lm_head: Head }> {
  readonly loraTargets = ['query_key_value']
  protected readonly positions: readonly Positions[]

  /**
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(
    readonly config: FalconConfig,
    weights: WeightSource,
  ) {
    const get = new WeightPicker('falcon', weights)
    const transformer = new FalconModel(config, get.under('transformer'))
    const { rope } = config
    super({ transformer, lm_head: get.head('lm_head', config, () => transformer.modules.word_embeddings) }, {})
    const rotary = rope && new RotaryTable(rope, headDim(config), config.maxPositionEmbeddings)
    this.positions = everyBlock(config, { rotary, hasAlibi: rotary === null })
  }

  get cacheShape(): readonly [number, number] {
    return [this.config.numKvHeads, headDim(this.config)]
  }

  protected get parts(): DecoderParts {
    const { transformer, lm_head: head } = this.modules
    const { word_embeddings: embeddings, h: blocks, ln_f: norm } = transformer.modules
    return { embeddings, blocks, norm, head }
  }
}

/** The decoder without its head. */
class FalconModel extends Module<{ word_embeddings: Lookup; h: ModuleList<FalconLayer>; ln_f: NormLayer }> {
  constructor(config: FalconConfig, get: WeightPicker) {
    const { vocabSize, hiddenSize, numHiddenLayers, layerNormEpsilon } = config
    super(
      {
        word_embeddings: get.embedding('word_embeddings', vocabSize, hiddenSize),
        h: ModuleList.of(numHiddenLayers, (i) => falconLayer(config, get.under(`h.${i}`))),
        ln_f: get.layerNorm('ln_f', hiddenSize, layerNormEpsilon),
      },
      {},
    )
  }
}

/** Attention, then the MLP. */
class FalconSequentialLayer
  extends Module<{
    input_layernorm: NormLayer
    self_attention: FalconAttention
    post_attention_layernorm: NormLayer
    mlp: FalconMlp
  }>
  implements DecoderBlock
{
  constructor(config: FalconConfig, get: WeightPicker) {
    super(
      {
        input_layernorm: normOf(config, get, 'input_layernorm'),
        self_attention: new FalconAttention(config, get.under('self_attention')),
        post_attention_layernorm: normOf(config, get, 'post_attention_layernorm'),
        mlp: new FalconMlp(config, get.under('mlp')),
      },
      {},
    )
  }

  forward(stream: ResidualStream, told: AttentionContext, cache?: KeyValueCache): ResidualStream {
    const { input_layernorm, self_attention, post_attention_layernorm, mlp } = this.modules
    const attend = (x: Tensor) => self_attention.forward(x, told, cache)
    return inSequence(stream, [input_layernorm, post_attention_layernorm], attend, (x) => mlp.forward(x))
  }
}

/** Attention and the MLP side by side, behind one norm (Falcon-7B, Falcon 2). */
class FalconParallelLayer
  extends Module<{ input_layernorm: NormLayer; self_attention: FalconAttention; mlp: FalconMlp }>
  implements DecoderBlock
{
  constructor(config: FalconConfig, get: WeightPicker) {
    super({ input_layernorm: normOf(config, get, 'input_layernorm'), ...sideBySide(config, get) }, {})
  }

  forward(stream: ResidualStream, told: AttentionContext, cache?: KeyValueCache): ResidualStream {
    const { input_layernorm, self_attention, mlp } = this.modules
    const { y, out } = normalised(stream, input_layernorm)
    const attended = self_attention.forward(out, told, cache)
    return { x: y, branch: add(mlp.forward(out), attended) }
  }
}

/** Attention and the MLP side by side, each behind a norm of its own (Falcon-40B). */
class FalconTwoNormLayer
  extends Module<{ ln_attn: NormLayer; ln_mlp: NormLayer; self_attention: FalconAttention; mlp: FalconMlp }>
  implements DecoderBlock
{
  constructor(config: FalconConfig, get: WeightPicker) {
    const norms = { ln_attn: normOf(config, get, 'ln_attn'), ln_mlp: normOf(config, get, 'ln_mlp') }
    super({ ...norms, ...sideBySide(config, get) }, {})
  }

  forward(stream: ResidualStream, told: AttentionContext, cache?: KeyValueCache): ResidualStream {
    const { ln_attn, ln_mlp, self_attention, mlp } = this.modules
    const { y, out } = normalised(stream, ln_attn)
    const attended = self_attention.forward(out, told, cache)
    return { x: y, branch: add(mlp.forward(ln_mlp.forward(y)), attended) }
  }
}

function normOf({ hiddenSize, layerNormEpsilon }: FalconConfig, get: WeightPicker, name: string): NormLayer {
  return get.layerNorm(name, hiddenSize, layerNormEpsilon)
}

function sideBySide(config: FalconConfig, get: WeightPicker): { self_attention: FalconAttention; mlp: FalconMlp } {
  const self_attention = new FalconAttention(config, get.under('self_attention'))
  return { self_attention, mlp: new FalconMlp(config, get.under('mlp')) }
}

type FalconLayer = FalconSequentialLayer | FalconParallelLayer | FalconTwoNormLayer

function falconLayer(config: FalconConfig, get: WeightPicker): FalconLayer {
  if (!config.parallelAttn) return new FalconSequentialLayer(config, get)
  return config.numLnInParallelAttn === 2 ? new FalconTwoNormLayer(config, get) : new FalconParallelLayer(config, get)
}

class FalconAttention extends Module<{ query_key_value: Projection; dense: Projection }> {
  readonly #layout: HeadLayout

  constructor(config: FalconConfig, get: WeightPicker) {
    const { bias, hiddenSize: c, numAttentionHeads: heads, numKvHeads: kvHeads } = config
    const dim = headDim(config)
    const query_key_value = get.linear('query_key_value', { out: c + 2 * kvHeads * dim, into: c, bias })
    super({ query_key_value, dense: get.linear('dense', { out: c, into: c, bias }) }, {})
    // Falcon alone divides ALiBi by sqrt(dim), like the scores.
    this.#layout = { heads, kvHeads, dim, alibiScale: 1 / Math.sqrt(dim) }
  }

  forward(x: Tensor, told: AttentionContext, cache?: KeyValueCache): Tensor {
    const { query_key_value, dense } = this.modules
    return dense.forward(attention(query_key_value.forward(x), this.#layout, { ...told, cache }))
  }
}

class FalconMlp extends Module<{ dense_h_to_4h: Projection; dense_4h_to_h: Projection }> {
  constructor({ bias, hiddenSize: c, ffnHiddenSize: f }: FalconConfig, get: WeightPicker) {
    const dense_h_to_4h = get.linear('dense_h_to_4h', { out: f, into: c, bias })
    super({ dense_h_to_4h, dense_4h_to_h: get.linear('dense_4h_to_h', { out: c, into: f, bias }) }, {})
  }

  forward(x: Tensor): Tensor {
    return this.modules.dense_4h_to_h.forward(gelu(this.modules.dense_h_to_4h.forward(x)))
  }
}

function headDim({ hiddenSize, numAttentionHeads }: FalconConfig): number {
  return hiddenSize / numAttentionHeads
}

export const falcon: Architecture<FalconConfig> = {
  modelType: 'falcon',
  aliases: falconAliases,
  parse: parseFalconConfig,
  format: formatFalconConfig,
  create: (config, weights) => new FalconForCausalLM(config, weights),
  // Falcon's first releases and transformers before 4.35 saved these.
  ignores: [
    'rotary_emb.inv_freq',
    'maybe_rotary.inv_freq',
    'maybe_rotary.cos_cached',
    'maybe_rotary.sin_cached',
    'self_attention.bias',
    'self_attention.masked_bias',
    'self_attention.scale_mask_softmax.causal_mask',
    'alibi',
    'position_ids',
  ],
}
