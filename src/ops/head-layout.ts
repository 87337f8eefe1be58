import type { Tensor } from '../tensor/tensor.ts'

/** How projected rows fall into heads, and how these attend. */
export interface HeadLayout {
  /** Query heads. */
  readonly heads: number
  /** Key and value heads; each serves heads / kvHeads query heads. */
  readonly kvHeads: number
  /** Channels of a head. */
  readonly dim: number
  /** What products of queries and keys are multiplied by; default 1 / sqrt(dim). */
  readonly scale?: number
  /** What ALiBi's bias is multiplied by; default 1. */
  readonly alibiScale?: number
}

/**
 * Projections of b · t tokens: fused f32 [b, t, (heads + 2 kvHeads) · dim], rows going group by group (q…, k, v) as
 * Falcon fuses them, or apart, f32 [b, t, heads · dim] and twice [b, t, kvHeads · dim].
 */
export type HeadRows = Tensor | { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor }
