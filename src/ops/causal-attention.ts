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
 * softmax(q kᵀ / sqrt(dim) + keyBias) v, each query seeing the keys up to its own place.
 * qkv f32 [b, t, (heads + 2 kvHeads) · dim], its rows going group by group (q…, k, v) as Falcon fuses them;
 * keyBias f32 [b, heads, keys], below -1e30 where a key must not be seen; out f32 [b, t, heads · dim].
 * With a cache, the new keys and values are written behind those it holds, and keys = cache.length + t.
 * Backward recomputes the probabilities from the rows' log-sum-exp (FlashAttention-2, arXiv 2307.08691).
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function causalAttention(qkv: Tensor, keyBias: Tensor, layout: HeadLayout, cache?: KeyValueCache): Tensor {
  const { heads, kvHeads, dim } = layout
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
    keyBias.count === batch * heads * keys,
    'shape',
    () => `causalAttention: keyBias ${showShape(keyBias.shape)} is not [${batch},${heads},${keys}]`,
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
  const params = { batch, heads, kvHeads, queries: tokens, keys, capacity, dim, scale: 1 / Math.sqrt(dim) }
  const out = empty(device, [batch, tokens, heads * dim], 'attention')
  const stats = empty(device, [batch, heads, tokens, 2], 'attention stats')
  device.run('attention', { q, k, v, keyBias, out, stats }, params)
  const rule = (dOut: Tensor) => {
    const [dQ, dK, dV] = [empty(device, q.shape, 'dQ'), empty(device, k.shape, 'dK'), empty(device, v.shape, 'dV')]
    device.run('attentionDelta', { dOut, out, stats }, params)
    device.run('attentionBackwardQuery', { q, k, v, keyBias, stats, dOut, dQ }, params)
    device.run('attentionBackwardKey', { q, k, v, keyBias, stats, dOut, dK, dV }, params)
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
  return record(out, [qkv], rule, { reads: [keyBias, out], saved: cache ? [q, stats] : [q, k, v, stats] })
}
