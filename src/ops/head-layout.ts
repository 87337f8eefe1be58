import type { Tensor } from '../tensor/tensor.ts'

/** How projected rows fall into heads, and where their tokens stand. */
export interface HeadLayout {
  /** Query heads. */
  readonly heads: number
  /** Key and value heads; each serves heads / kvHeads query heads. */
  readonly kvHeads: number
  /** Channels of a head. */
  readonly dim: number
  /**
   * f32 [heads + b · keys]: ALiBi's slopes of the heads, then the keys' positions, negative where a key must not be seen;
   * `null`: no bias, and every key is seen. Default null.
   */
  readonly alibi?: Tensor | null
  /** What ALiBi's bias is multiplied by; default 1. */
  readonly alibiScale?: number
  /** f32 [t · dim]: of each new token the cosines of dim/2 angles, then their sines; `null`: nothing is turned. Default null. */
  readonly rotary?: Tensor | null
}

/**
 * Projections of b · t tokens: fused f32 [b, t, (heads + 2 kvHeads) · dim], rows going group by group (q…, k, v) as Falcon
 * fuses them, or apart, f32 [b, t, heads · dim] and twice [b, t, kvHeads · dim].
 */
export type HeadRows = Tensor | { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor }
