import type { Tensor } from '../../src/index.ts'
import {
  type Architecture,
  type AttentionContext,
  CausalDecoder,
  ConfigFields,
  type DecoderBlock,
  type DecoderParts,
  everyBlock,
  formatRope,
  type ModelConfig,
  normalised,
  parseRope,
  type Positions,
  type ResidualStream,
  type RopeConfig,
  RotaryTable,
  WeightPicker,
  type WeightSource,
} from '../../src/models/index.ts'
import {
  type Embedding,
  LanguageHead,
  type LayerNorm,
  Module,
  ModuleList,
  type Projection,
} from '../../src/nn/index.ts'
import { add, attention, gelu, type HeadLayout, type KeyValueCache } from '../../src/ops/index.ts'

/** An architecture that the package does not have, GPT-NeoX as in Pythia, by its public doors alone. */
export interface GptNeoXConfig extends ModelConfig {
  readonly modelType: 'gpt_neox'
  readonly intermediateSize: number
  readonly layerNormEps: number
  readonly rope: RopeConfig
}

class GptNeoXForCausalLM extends CausalDecoder<{ gpt_neox: GptNeoXModel; embed_out: LanguageHead }> {
  readonly loraTargets = ['query_key_value']
  protected readonly positions: readonly Positions[]

  constructor(
    readonly config: GptNeoXConfig,
    weights: WeightSource,
  ) {
    const get = new WeightPicker('gpt_neox', weights)
    const { vocabSize, hiddenSize, rope, maxPositionEmbeddings } = config
    super(
      {
        gpt_neox: new GptNeoXModel(config, get.under('gpt_neox')),
        embed_out: new LanguageHead(get.table('embed_out.weight', vocabSize, hiddenSize)),
      },
      {},
    )
    const rotary = new RotaryTable(rope, dimOf(config), maxPositionEmbeddings)
    this.positions = everyBlock(config, { rotary })
  }

  get cacheShape(): readonly [number, number] {
    return [this.config.numAttentionHeads, dimOf(this.config)]
  }

  protected get parts(): DecoderParts {
    const { embed_in, layers, final_layer_norm } = this.modules.gpt_neox.modules
    return { embeddings: embed_in, blocks: layers, norm: final_layer_norm, head: this.modules.embed_out }
  }
}

class GptNeoXModel extends Module<{
  embed_in: Embedding
  layers: ModuleList<GptNeoXLayer>
  final_layer_norm: LayerNorm
}> {
  constructor(config: GptNeoXConfig, get: WeightPicker) {
    const { vocabSize, hiddenSize, numHiddenLayers, layerNormEps } = config
    super(
      {
        embed_in: get.embedding('embed_in', vocabSize, hiddenSize),
        layers: ModuleList.of(numHiddenLayers, (i) => new GptNeoXLayer(config, get.under(`layers.${i}`))),
        final_layer_norm: get.layerNorm('final_layer_norm', hiddenSize, layerNormEps),
      },
      {},
    )
  }
}

interface LayerModules {
  input_layernorm: LayerNorm
  post_attention_layernorm: LayerNorm
  attention: Attention
  mlp: Mlp
}

/** Attention and the MLP side by side, each behind a norm of its own. */
class GptNeoXLayer extends Module<LayerModules> implements DecoderBlock {
  constructor(config: GptNeoXConfig, get: WeightPicker) {
    const norm = (name: string) => get.layerNorm(name, config.hiddenSize, config.layerNormEps)
    super(
      {
        input_layernorm: norm('input_layernorm'),
        post_attention_layernorm: norm('post_attention_layernorm'),
        attention: new Attention(config, get.under('attention')),
        mlp: new Mlp(config, get.under('mlp')),
      },
      {},
    )
  }

  forward(stream: ResidualStream, told: AttentionContext, cache?: KeyValueCache): ResidualStream {
    const { input_layernorm, post_attention_layernorm, attention, mlp } = this.modules
    const { y, out } = normalised(stream, input_layernorm)
    return { x: y, branch: add(mlp.forward(post_attention_layernorm.forward(y)), attention.forward(out, told, cache)) }
  }
}

class Attention extends Module<Record<'query_key_value' | 'dense', Projection>> {
  readonly #layout: HeadLayout

  constructor(config: GptNeoXConfig, get: WeightPicker) {
    const { hiddenSize: c, numAttentionHeads: heads } = config
    const query_key_value = get.linear('query_key_value', { out: 3 * c, into: c, bias: true })
    super({ query_key_value, dense: get.linear('dense', { out: c, into: c, bias: true }) }, {})
    this.#layout = { heads, kvHeads: heads, dim: dimOf(config) }
  }

  forward(x: Tensor, told: AttentionContext, cache?: KeyValueCache): Tensor {
    const rows = this.modules.query_key_value.forward(x)
    return this.modules.dense.forward(attention(rows, this.#layout, { ...told, cache }))
  }
}

class Mlp extends Module<Record<'dense_h_to_4h' | 'dense_4h_to_h', Projection>> {
  constructor({ hiddenSize: c, intermediateSize: f }: GptNeoXConfig, get: WeightPicker) {
    const dense_h_to_4h = get.linear('dense_h_to_4h', { out: f, into: c, bias: true })
    super({ dense_h_to_4h, dense_4h_to_h: get.linear('dense_4h_to_h', { out: c, into: f, bias: true }) }, {})
  }

  forward(x: Tensor): Tensor {
    return this.modules.dense_4h_to_h.forward(gelu(this.modules.dense_h_to_4h.forward(x)))
  }
}

function dimOf({ hiddenSize, numAttentionHeads }: GptNeoXConfig): number {
  return hiddenSize / numAttentionHeads
}

/** Its row. */
export const gptNeoX: Architecture<GptNeoXConfig> = {
  modelType: 'gpt_neox',
  ignores: ['attention.bias', 'attention.masked_bias', 'attention.rotary_emb.inv_freq'],
  parse(json) {
    const fields = new ConfigFields(json, 'gpt_neox')
    for (const key of ['use_parallel_residual', 'attention_bias']) fields.only(key, true)
    fields.only('hidden_act', 'gelu')
    fields.only('tie_word_embeddings', false)
    const [hiddenSize, numAttentionHeads] = [fields.whole(['hidden_size']), fields.whole(['num_attention_heads'])]
    fields.divides(hiddenSize, 'hidden_size', numAttentionHeads, 'num_attention_heads')
    const maxPositionEmbeddings = fields.whole(['max_position_embeddings'], { fallback: 2048 })
    return {
      modelType: 'gpt_neox',
      vocabSize: fields.whole(['vocab_size']),
      hiddenSize,
      numHiddenLayers: fields.whole(['num_hidden_layers'], { most: 1000 }),
      numAttentionHeads,
      intermediateSize: fields.whole(['intermediate_size']),
      layerNormEps: fields.positive(['layer_norm_eps'], { fallback: 1e-5 }),
      rope: parseRope(json, 'gpt_neox', hiddenSize / numAttentionHeads, maxPositionEmbeddings),
      tieWordEmbeddings: false,
      maxPositionEmbeddings,
      initializerRange: fields.positive(['initializer_range'], { fallback: 0.02 }),
      bosTokenId: fields.tokenIds('bos_token_id'),
      eosTokenId: fields.tokenIds('eos_token_id'),
    }
  },
  format: (config) => ({
    model_type: 'gpt_neox',
    architectures: ['GPTNeoXForCausalLM'],
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    intermediate_size: config.intermediateSize,
    hidden_act: 'gelu',
    layer_norm_eps: config.layerNormEps,
    rotary_pct: 1,
    ...formatRope(config.rope),
    tie_word_embeddings: false,
    max_position_embeddings: config.maxPositionEmbeddings,
    initializer_range: config.initializerRange,
    bos_token_id: config.bosTokenId,
    eos_token_id: config.eosTokenId,
  }),
  create: (config, weights) => new GptNeoXForCausalLM(config, weights),
}
