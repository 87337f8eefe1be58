import type { Projection } from '../../nn/linear.ts'
import { Module } from '../../nn/module.ts'
import type { NormLayer } from '../../nn/norm-layer.ts'
import { swiGlu } from '../../ops/activations/gated-units.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { attention, type KeyValueCache } from '../../ops/attention.ts'
import type { HeadLayout } from '../../ops/head-layout.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { type DecoderBlock, inSequence, type ResidualStream } from '../decoder-blocks.ts'
import type { AttentionContext } from '../positions/attention-contexts.ts'
import type { WeightPicker } from '../weight-picker.ts'
import type { LlamaFields } from './llama-config.ts'

/** How an architecture's attention and MLP differ from others of Llama's kind. */
export interface LlamaTraits {
  /** Which projections have biases. Default none. */
  readonly biases?: LlamaBiases
  /** Makes the norm of each head's queries, and that of its keys, before they are turned. Default: there is none. */
  readonly headNorm?: (get: WeightPicker, name: string) => NormLayer
}

/** Whether queries, keys and values have biases, what attention gives, and the MLP. */
export interface LlamaBiases {
  readonly queries: boolean
  readonly output: boolean
  readonly mlp: boolean
}

/** A block of Llama's decoder: attention, then the MLP, each behind a norm. */
export class LlamaDecoderLayer
  extends Module<{
    input_layernorm: NormLayer
    self_attn: LlamaAttention
    post_attention_layernorm: NormLayer
    mlp: LlamaMlp
  }>
  implements DecoderBlock
{
  constructor(config: LlamaFields, get: WeightPicker, traits: LlamaTraits) {
    const { hiddenSize, rmsNormEps } = config
    super(
      {
        input_layernorm: get.rmsNorm('input_layernorm', hiddenSize, rmsNormEps),
        self_attn: new LlamaAttention(config, get.under('self_attn'), traits),
        post_attention_layernorm: get.rmsNorm('post_attention_layernorm', hiddenSize, rmsNormEps),
        mlp: new LlamaMlp(config, get.under('mlp'), { bias: traits.biases?.mlp ?? false }),
      },
      {},
    )
  }

  forward(stream: ResidualStream, told: AttentionContext, cache?: KeyValueCache): ResidualStream {
    const { input_layernorm, self_attn, post_attention_layernorm, mlp } = this.modules
    return inSequence(
      stream,
      [input_layernorm, post_attention_layernorm],
      (x) => self_attn.forward(x, told, cache),
      (x) => mlp.forward(x),
    )
  }
}

/** Attention of grouped key heads; queries and keys of each head may be normalised. */
export class LlamaAttention extends Module<
  Record<'q_proj' | 'k_proj' | 'v_proj' | 'o_proj', Projection> & Partial<Record<'q_norm' | 'k_norm', NormLayer>>
> {
  readonly #layout: HeadLayout

  /** @param scale What products of queries and keys are multiplied by; default 1 / sqrt(headDim). */
  constructor(config: LlamaFields, get: WeightPicker, { biases, headNorm }: LlamaTraits, scale?: number) {
    const { hiddenSize: c, numAttentionHeads: heads, numKeyValueHeads: kvHeads, headDim: dim } = config
    const { queries: bias, output } = biases ?? { queries: false, output: false }
    super(
      {
        q_proj: get.linear('q_proj', { out: heads * dim, into: c, bias }),
        k_proj: get.linear('k_proj', { out: kvHeads * dim, into: c, bias }),
        v_proj: get.linear('v_proj', { out: kvHeads * dim, into: c, bias }),
        o_proj: get.linear('o_proj', { out: c, into: heads * dim, bias: output }),
        ...(headNorm && { q_norm: headNorm(get, 'q_norm'), k_norm: headNorm(get, 'k_norm') }),
      },
      {},
    )
    this.#layout = { heads, kvHeads, dim, ...(scale !== undefined && { scale }) }
  }

  forward(x: Tensor, told: AttentionContext, cache?: KeyValueCache): Tensor {
    const { q_proj, k_proj, v_proj, o_proj, q_norm, k_norm } = this.modules
    const q = this.#byHead(q_proj.forward(x), q_norm)
    const k = this.#byHead(k_proj.forward(x), k_norm)
    const rows = { q, k, v: v_proj.forward(x) }
    return o_proj.forward(attention(rows, this.#layout, { ...told, cache }))
  }

  /** Rows f32 [b, t, heads · dim], each head of them normalised. */
  #byHead(rows: Tensor, norm: NormLayer | undefined): Tensor {
    if (norm === undefined) return rows
    return reshape(norm.forward(reshape(rows, [rows.count / this.#layout.dim, this.#layout.dim])), rows.shape)
  }
}

/** What an MLP with a gate computes of its two halves. */
export type Gated = (gate: Tensor, up: Tensor) => Tensor

/** The MLP: what one half of its channels lets through of the other. */
export class LlamaMlp extends Module<Record<'gate_proj' | 'up_proj' | 'down_proj', Projection>> {
  readonly #gated: Gated

  /** @param gated Default `swiGlu`. */
  constructor(
    { hiddenSize: c, intermediateSize: f }: LlamaFields,
    get: WeightPicker,
    { bias = false, gated = swiGlu }: { readonly bias?: boolean; readonly gated?: Gated },
  ) {
    super(
      {
        gate_proj: get.linear('gate_proj', { out: f, into: c, bias }),
        up_proj: get.linear('up_proj', { out: f, into: c, bias }),
        down_proj: get.linear('down_proj', { out: c, into: f, bias }),
      },
      {},
    )
    this.#gated = gated
  }

  forward(x: Tensor): Tensor {
    const { gate_proj, up_proj, down_proj } = this.modules
    return down_proj.forward(this.#gated(gate_proj.forward(x), up_proj.forward(x)))
  }
}
