import { readArgument } from '../core/options.ts'
import type { Embedding } from '../nn/embedding.ts'
import type { Projection } from '../nn/linear.ts'
import { Module, ModuleList, type Weight } from '../nn/module.ts'
import type { RmsNorm } from '../nn/rms-norm.ts'
import { causalAttention, type KeyValueCache } from '../ops/causal-attention.ts'
import type { HeadLayout } from '../ops/head-layout.ts'
import { swiGlu } from '../ops/swi-glu.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import { CausalDecoder, LanguageHead } from './causal-decoder.ts'
import type { TokenBatch, WeightSpec } from './causal-lm.ts'
import { type AttentionContext, attentionContext, type DecoderBlock } from './decoder-blocks.ts'
import { inSequence, normalised, type ResidualStream, throughBlocks } from './decoder-blocks.ts'
import { type LlamaConfig, llamaRule } from './llama-config.ts'
import { RotaryTable } from './rotary-table.ts'
import { WeightPicker } from './weight-picker.ts'
import { linearSpecs, normSpecs, tableSpec, type TiedTensors } from './weight-specs.ts'

/**
 * Llama's architecture, Falcon 3's too, as transformers computes it (modeling_llama.py): rotary positions, grouped key heads,
 * RMS norms, SwiGLU. Module names are the checkpoint's.
 */
export class LlamaForCausalLM extends CausalDecoder<{ model: LlamaModel; lm_head?: LanguageHead }> {
  readonly loraTargets = ['q_proj', 'v_proj']
  readonly #rotary: RotaryTable

  /** @throws MedAwareError `not-found` when `weights` lacks one of `llamaWeights(config)`. */
  constructor(
    readonly config: LlamaConfig,
    weights: ReadonlyMap<string, Weight>,
  ) {
    const get = new WeightPicker('llama', weights)
    const model = new LlamaModel(config, get.under('model'))
    const isTied = config.tieWordEmbeddings
    super(isTied ? { model } : { model, lm_head: new LanguageHead(get.tensor(llamaTied.head)) }, {})
    this.#rotary = new RotaryTable(config.rope, config.headDim, config.maxPositionEmbeddings)
  }

  get cacheShape(): readonly [number, number] {
    return [this.config.numKeyValueHeads, this.config.headDim]
  }

  protected get head(): Tensor {
    const { model, lm_head } = this.modules
    return lm_head?.weights.weight ?? model.modules.embed_tokens.weights.weight
  }

  protected hidden(batch: TokenBatch, past: number, caches?: readonly KeyValueCache[]): Tensor {
    const { device, config, gradientCheckpointing: isCheckpointing } = this
    const { embed_tokens, layers, norm } = this.modules.model.modules
    const told = attentionContext(device, batch, past, { heads: config.numAttentionHeads, rotary: this.#rotary })
    const x = embed_tokens.forward(fromArray(device, batch.inputIds, batch.shape, 'input ids'))
    return normalised(throughBlocks(layers, x, told, { isCheckpointing, caches }), norm).out
  }
}

/** The decoder without its head. */
class LlamaModel extends Module<{ embed_tokens: Embedding; layers: ModuleList<LlamaDecoderLayer>; norm: RmsNorm }> {
  constructor(config: LlamaConfig, get: WeightPicker) {
    const layers = Array.from(
      { length: config.numHiddenLayers },
      (_, i) => new LlamaDecoderLayer(config, get.under(`layers.${i}`)),
    )
    super(
      {
        embed_tokens: get.embedding('embed_tokens'),
        layers: new ModuleList(layers),
        norm: get.rmsNorm('norm', config.rmsNormEps),
      },
      {},
    )
  }
}

class LlamaDecoderLayer
  extends Module<{
    input_layernorm: RmsNorm
    self_attn: LlamaAttention
    post_attention_layernorm: RmsNorm
    mlp: LlamaMlp
  }>
  implements DecoderBlock
{
  constructor(config: LlamaConfig, get: WeightPicker) {
    super(
      {
        input_layernorm: get.rmsNorm('input_layernorm', config.rmsNormEps),
        self_attn: new LlamaAttention(config, get.under('self_attn')),
        post_attention_layernorm: get.rmsNorm('post_attention_layernorm', config.rmsNormEps),
        mlp: new LlamaMlp(config, get.under('mlp')),
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

  constructor(config: LlamaConfig, get: WeightPicker) {
    const linear = (name: string) => get.linear(name, config.attentionBias)
    super(
      { q_proj: linear('q_proj'), k_proj: linear('k_proj'), v_proj: linear('v_proj'), o_proj: linear('o_proj') },
      {},
    )
    this.#layout = { heads: config.numAttentionHeads, kvHeads: config.numKeyValueHeads, dim: config.headDim }
  }

  forward(x: Tensor, { alibi, rotary }: AttentionContext, cache?: KeyValueCache): Tensor {
    const { q_proj, k_proj, v_proj, o_proj } = this.modules
    const rows = { q: q_proj.forward(x), k: k_proj.forward(x), v: v_proj.forward(x) }
    return o_proj.forward(causalAttention(rows, { ...this.#layout, alibi, rotary }, cache))
  }
}

class LlamaMlp extends Module<Record<'gate_proj' | 'up_proj' | 'down_proj', Projection>> {
  constructor({ mlpBias }: LlamaConfig, get: WeightPicker) {
    const linear = (name: string) => get.linear(name, mlpBias)
    super({ gate_proj: linear('gate_proj'), up_proj: linear('up_proj'), down_proj: linear('down_proj') }, {})
  }

  forward(x: Tensor): Tensor {
    const { gate_proj, up_proj, down_proj } = this.modules
    return down_proj.forward(swiGlu(gate_proj.forward(x), up_proj.forward(x)))
  }
}

export const llamaTied: TiedTensors = { head: 'lm_head.weight', embeddings: 'model.embed_tokens.weight' }

/** Buffers that transformers saved before 4.32, and converters do to this day; transformers passes them over. */
export const llamaIgnored: readonly string[] = [
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
]

/** Every parameter of a model of Llama's architecture by its checkpoint key, in the order of the file. */
export function llamaWeights(config: LlamaConfig): readonly WeightSpec[] {
  readArgument('llamaWeights', 'config', config, llamaRule)
  const { vocabSize, hiddenSize: c, intermediateSize: f, numHiddenLayers, headDim, attentionBias, mlpBias } = config
  const [queries, keys] = [config.numAttentionHeads * headDim, config.numKeyValueHeads * headDim]
  const layers = Array.from({ length: numHiddenLayers }, (_, i) => `model.layers.${i}`).flatMap((layer) => [
    ...normSpecs(`${layer}.input_layernorm`, c, false),
    ...linearSpecs(`${layer}.self_attn.q_proj`, queries, c, attentionBias),
    ...linearSpecs(`${layer}.self_attn.k_proj`, keys, c, attentionBias),
    ...linearSpecs(`${layer}.self_attn.v_proj`, keys, c, attentionBias),
    ...linearSpecs(`${layer}.self_attn.o_proj`, c, queries, attentionBias),
    ...normSpecs(`${layer}.post_attention_layernorm`, c, false),
    ...linearSpecs(`${layer}.mlp.gate_proj`, f, c, mlpBias),
    ...linearSpecs(`${layer}.mlp.up_proj`, f, c, mlpBias),
    ...linearSpecs(`${layer}.mlp.down_proj`, c, f, mlpBias),
  ])
  return [
    tableSpec(llamaTied.embeddings, vocabSize, c),
    ...layers,
    ...normSpecs('model.norm', c, false),
    ...(config.tieWordEmbeddings ? [] : [tableSpec(llamaTied.head, vocabSize, c)]),
  ]
}
