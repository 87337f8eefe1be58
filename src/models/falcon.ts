import { readArgument } from '../core/options.ts'
import type { Embedding } from '../nn/embedding.ts'
import type { LayerNorm } from '../nn/layer-norm.ts'
import type { Projection } from '../nn/linear.ts'
import { Module, ModuleList, type Weight } from '../nn/module.ts'
import { add } from '../ops/add.ts'
import { causalAttention, type KeyValueCache } from '../ops/causal-attention.ts'
import { gelu } from '../ops/gelu.ts'
import type { HeadLayout } from '../ops/head-layout.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import { CausalDecoder, LanguageHead } from './causal-decoder.ts'
import type { TokenBatch, WeightSpec } from './causal-lm.ts'
import { type AttentionContext, attentionContext, type DecoderBlock } from './decoder-blocks.ts'
import { inSequence, normalised, type ResidualStream, throughBlocks } from './decoder-blocks.ts'
import { type FalconConfig, falconRule } from './falcon-config.ts'
import { RotaryTable } from './rotary-table.ts'
import { WeightPicker } from './weight-picker.ts'
import { linearSpecs, normSpecs, tableSpec, type TiedTensors } from './weight-specs.ts'

/**
 * The Falcon family as transformers computes it with sdpa (modeling_falcon.py): ALiBi or rotary positions; a key head for
 * each query head, each group or all; attention and MLP in sequence or side by side; exact GELU. Module names are the
 * checkpoint's.
 */
export class FalconForCausalLM extends CausalDecoder<{ transformer: FalconModel; lm_head?: LanguageHead }> {
  readonly loraTargets = ['query_key_value']
  readonly #rotary: RotaryTable | null

  /** @throws MedAwareError `not-found` when `weights` lacks one of `falconWeights(config)`. */
  constructor(
    readonly config: FalconConfig,
    weights: ReadonlyMap<string, Weight>,
  ) {
    const get = new WeightPicker('falcon', weights)
    const transformer = new FalconModel(config, get.under('transformer'))
    const isTied = config.tieWordEmbeddings
    super(isTied ? { transformer } : { transformer, lm_head: new LanguageHead(get.tensor(falconTied.head)) }, {})
    this.#rotary =
      config.rope === null ? null : new RotaryTable(config.rope, headDim(config), config.maxPositionEmbeddings)
  }

  get cacheShape(): readonly [number, number] {
    return [this.config.numKvHeads, headDim(this.config)]
  }

  protected get head(): Tensor {
    const { transformer, lm_head } = this.modules
    return lm_head?.weights.weight ?? transformer.modules.word_embeddings.weights.weight
  }

  protected hidden(batch: TokenBatch, past: number, caches?: readonly KeyValueCache[]): Tensor {
    const { device, config, gradientCheckpointing: isCheckpointing } = this
    const { word_embeddings, h, ln_f } = this.modules.transformer.modules
    const told = attentionContext(device, batch, past, { heads: config.numAttentionHeads, rotary: this.#rotary })
    const x = word_embeddings.forward(fromArray(device, batch.inputIds, batch.shape, 'input ids'))
    return normalised(throughBlocks(h, x, told, { isCheckpointing, caches }), ln_f).out
  }
}

/** The decoder without its head. */
class FalconModel extends Module<{ word_embeddings: Embedding; h: ModuleList<FalconLayer>; ln_f: LayerNorm }> {
  constructor(config: FalconConfig, get: WeightPicker) {
    const layers = Array.from({ length: config.numHiddenLayers }, (_, i) => falconLayer(config, get.under(`h.${i}`)))
    super(
      {
        word_embeddings: get.embedding('word_embeddings'),
        h: new ModuleList(layers),
        ln_f: get.layerNorm('ln_f', config.layerNormEpsilon),
      },
      {},
    )
  }
}

/** Attention, then the MLP. */
class FalconSequentialLayer
  extends Module<{
    input_layernorm: LayerNorm
    self_attention: FalconAttention
    post_attention_layernorm: LayerNorm
    mlp: FalconMlp
  }>
  implements DecoderBlock
{
  constructor(config: FalconConfig, get: WeightPicker) {
    super(
      {
        input_layernorm: get.layerNorm('input_layernorm', config.layerNormEpsilon),
        self_attention: new FalconAttention(config, get.under('self_attention')),
        post_attention_layernorm: get.layerNorm('post_attention_layernorm', config.layerNormEpsilon),
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
  extends Module<{ input_layernorm: LayerNorm; self_attention: FalconAttention; mlp: FalconMlp }>
  implements DecoderBlock
{
  constructor(config: FalconConfig, get: WeightPicker) {
    super(
      {
        input_layernorm: get.layerNorm('input_layernorm', config.layerNormEpsilon),
        self_attention: new FalconAttention(config, get.under('self_attention')),
        mlp: new FalconMlp(config, get.under('mlp')),
      },
      {},
    )
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
  extends Module<{ ln_attn: LayerNorm; ln_mlp: LayerNorm; self_attention: FalconAttention; mlp: FalconMlp }>
  implements DecoderBlock
{
  constructor(config: FalconConfig, get: WeightPicker) {
    super(
      {
        ln_attn: get.layerNorm('ln_attn', config.layerNormEpsilon),
        ln_mlp: get.layerNorm('ln_mlp', config.layerNormEpsilon),
        self_attention: new FalconAttention(config, get.under('self_attention')),
        mlp: new FalconMlp(config, get.under('mlp')),
      },
      {},
    )
  }

  forward(stream: ResidualStream, told: AttentionContext, cache?: KeyValueCache): ResidualStream {
    const { ln_attn, ln_mlp, self_attention, mlp } = this.modules
    const { y, out } = normalised(stream, ln_attn)
    const attended = self_attention.forward(out, told, cache)
    return { x: y, branch: add(mlp.forward(ln_mlp.forward(y)), attended) }
  }
}

type FalconLayer = FalconSequentialLayer | FalconParallelLayer | FalconTwoNormLayer

function falconLayer(config: FalconConfig, get: WeightPicker): FalconLayer {
  if (!config.parallelAttn) return new FalconSequentialLayer(config, get)
  return config.numLnInParallelAttn === 2 ? new FalconTwoNormLayer(config, get) : new FalconParallelLayer(config, get)
}

class FalconAttention extends Module<{ query_key_value: Projection; dense: Projection }> {
  readonly #layout: HeadLayout

  constructor(config: FalconConfig, get: WeightPicker) {
    const { bias, numAttentionHeads: heads, numKvHeads: kvHeads } = config
    super({ query_key_value: get.linear('query_key_value', bias), dense: get.linear('dense', bias) }, {})
    const dim = headDim(config)
    // Falcon alone divides ALiBi by sqrt(dim), like the scores.
    this.#layout = { heads, kvHeads, dim, alibiScale: 1 / Math.sqrt(dim) }
  }

  forward(x: Tensor, { alibi, rotary }: AttentionContext, cache?: KeyValueCache): Tensor {
    const { query_key_value, dense } = this.modules
    return dense.forward(causalAttention(query_key_value.forward(x), { ...this.#layout, alibi, rotary }, cache))
  }
}

class FalconMlp extends Module<{ dense_h_to_4h: Projection; dense_4h_to_h: Projection }> {
  constructor({ bias }: FalconConfig, get: WeightPicker) {
    super({ dense_h_to_4h: get.linear('dense_h_to_4h', bias), dense_4h_to_h: get.linear('dense_4h_to_h', bias) }, {})
  }

  forward(x: Tensor): Tensor {
    return this.modules.dense_4h_to_h.forward(gelu(this.modules.dense_h_to_4h.forward(x)))
  }
}

export const falconTied: TiedTensors = { head: 'lm_head.weight', embeddings: 'transformer.word_embeddings.weight' }

/** Buffers that Falcon's first releases and transformers before 4.35 saved; transformers passes them over. */
export const falconIgnored: readonly string[] = [
  'rotary_emb.inv_freq',
  'maybe_rotary.inv_freq',
  'maybe_rotary.cos_cached',
  'maybe_rotary.sin_cached',
  'self_attention.bias',
  'self_attention.masked_bias',
  'self_attention.scale_mask_softmax.causal_mask',
  'alibi',
  'position_ids',
]

/** Every parameter of a Falcon by its checkpoint key, in the order of the file. */
export function falconWeights(config: FalconConfig): readonly WeightSpec[] {
  readArgument('falconWeights', 'config', config, falconRule)
  const { vocabSize, hiddenSize: c, ffnHiddenSize: f, numHiddenLayers, numKvHeads, bias } = config
  const fused = c + 2 * numKvHeads * headDim(config)
  const before = config.parallelAttn && config.numLnInParallelAttn === 2 ? ['ln_attn', 'ln_mlp'] : ['input_layernorm']
  const between = config.parallelAttn ? [] : ['post_attention_layernorm']
  const layers = Array.from({ length: numHiddenLayers }, (_, i) => `transformer.h.${i}`).flatMap((h) => [
    ...before.flatMap((name) => normSpecs(`${h}.${name}`, c, true)),
    ...linearSpecs(`${h}.self_attention.query_key_value`, fused, c, bias),
    ...linearSpecs(`${h}.self_attention.dense`, c, c, bias),
    ...between.flatMap((name) => normSpecs(`${h}.${name}`, c, true)),
    ...linearSpecs(`${h}.mlp.dense_h_to_4h`, f, c, bias),
    ...linearSpecs(`${h}.mlp.dense_4h_to_h`, c, f, bias),
  ])
  return [
    tableSpec(falconTied.embeddings, vocabSize, c),
    ...layers,
    ...normSpecs('transformer.ln_f', c, true),
    ...(config.tieWordEmbeddings ? [] : [tableSpec(falconTied.head, vocabSize, c)]),
  ]
}

function headDim({ hiddenSize, numAttentionHeads }: FalconConfig): number {
  return hiddenSize / numAttentionHeads
}
