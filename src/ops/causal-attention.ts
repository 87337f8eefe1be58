import { record } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'

/** How a fused projection's rows fall into heads. */
export interface HeadLayout {
  /** Query heads. */
  readonly heads: number
  /** Key and value heads; each serves heads / kvHeads query heads. */
  readonly kvHeads: number
  /** Channels of a head. */
  readonly dim: number
  /** What ALiBi's bias is multiplied by; default 1. */
  readonly alibiScale?: number
}

/** Keys and values of tokens seen before, for generating a token at a time. */
export interface KeyValueCache {
  /** f32 [b, kvHeads, capacity, dim], filled up to `length`. */
  readonly k: Tensor
  readonly v: Tensor
  /** Tokens held before this call. */
  readonly length: number
}

/**
 * softmax(q kᵀ / sqrt(dim) + alibiScale · bfloat16(slope · position)) v, each query seeing the keys up to its own place.
 * qkv f32 [b, t, (heads + 2 kvHeads) · dim], its rows going group by group (q…, k, v) as Falcon fuses them;
 * alibi f32 [heads + b · keys]: the heads' slopes, then the keys' positions, negative where a key must not be seen; null:
 * no bias, and every key is seen. out f32 [b, t, heads · dim].
 * With a cache, the new keys and values are written behind those it holds, and keys = cache.length + t.
 * Backward recomputes the probabilities from the rows' log-sum-exp (FlashAttention-2, arXiv 2307.08691).
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function causalAttention(qkv: Tensor, alibi: Tensor | null, layout: HeadLayout, cache?: KeyValueCache): Tensor {
  const { heads, kvHeads, dim, alibiScale = 1 } = layout
  const [batch = 0, tokens = 0, width] = qkv.shape
  const past = cache?.length ?? 0
  const keys = past + tokens
  const capacity = cache?.k.shape[2] ?? tokens
  check(
    width === (heads + 2 * kvHeads) * dim,
    'shape',
    () => `causalAttention: qkv ${showShape(qkv.shape)} does not hold ${heads} + 2·${kvHeads} heads of ${dim}`,
  )
  check(
    alibi === null || alibi.count === heads + batch * keys,
    'shape',
    () => `causalAttention: alibi ${showShape(alibi?.shape ?? [])} is not [${heads} + ${batch}·${keys}]`,
  )
  check(
    keys <= capacity,
    'shape',
    () => `causalAttention: ${keys} tokens do not fit a cache of ${capacity}; make a larger one`,
  )
  check(dim <= 256, 'unsupported', () => `causalAttention: heads of ${dim} channels; the kernels take up to 256`)
  const { device } = qkv
  const q = empty(device, [batch, heads, tokens, dim], 'queries')
  const k = cache?.k ?? empty(device, [batch, kvHeads, tokens, dim], 'keys')
  const v = cache?.v ?? empty(device, [batch, kvHeads, tokens, dim], 'values')
  device.run('splitHeads', { qkv, q, k, v }, { batch, tokens, heads, kvHeads, dim, past, capacity })
  const sizes = { batch, heads, kvHeads, queries: tokens, keys, capacity, dim }
  const params = { ...sizes, hasAlibi: alibi === null ? 0 : 1, scale: 1 / Math.sqrt(dim), alibiScale }
  const out = empty(device, [batch, tokens, heads * dim], 'attention')
  const stats = empty(device, [batch, heads, tokens, 2], 'attention stats')
  device.run('attention', { q, k, v, alibi, out, stats }, params)
  const rule = (dOut: Tensor) => {
    const [dQ, dK, dV] = [empty(device, q.shape, 'dQ'), empty(device, k.shape, 'dK'), empty(device, v.shape, 'dV')]
    device.run('attentionDelta', { dOut, out, stats }, params)
    device.run('attentionBackwardQuery', { q, k, v, alibi, stats, dOut, dQ }, params)
    device.run('attentionBackwardKey', { q, k, v, alibi, stats, dOut, dK, dV }, params)
    const dQkv = empty(device, qkv.shape, 'dQkv')
    device.run('joinHeads', { dQ, dK, dV, dQkv }, { batch, tokens, heads, kvHeads, dim, past: 0, capacity: tokens })
    for (const part of [dQ, dK, dV]) part.dispose()
    return [dQkv]
  }
  check(
    cache === undefined || !qkv.requiresGrad,
    'unsupported',
    () => 'causalAttention: no gradient goes through a cache',
  )
  return record(out, [qkv], rule, {
    reads: alibi === null ? [out] : [alibi, out],
    saved: cache ? [q, stats] : [q, k, v, stats],
  })
}
