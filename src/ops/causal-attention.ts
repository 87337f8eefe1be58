import { record } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import type { HeadLayout, HeadRows } from './head-layout.ts'
import { joinHeads, partsOf, splitHeads } from './split-heads.ts'

/** Keys and values of tokens seen before, for generating a token at a time. */
export interface KeyValueCache {
  /** f32 [b, kvHeads, capacity, dim], filled up to `length`; keys are turned by their rotary angles. */
  readonly k: Tensor
  readonly v: Tensor
  /** Tokens held before this call. */
  readonly length: number
}

/**
 * softmax(q kᵀ / sqrt(dim) + alibiScale · bfloat16(slope · position)) v, each query seeing the keys up to its own place;
 * out f32 [b, t, heads · dim]. Rotary angles turn channels i and i + dim/2 of queries and keys before (rotate_half of
 * transformers). With a cache, the new keys and values are written behind those it holds, and keys = cache.length + t.
 * Fused rows without either are read as they lie, all else is sorted by head first.
 * Backward recomputes the probabilities from the rows' log-sum-exp (FlashAttention-2, arXiv 2307.08691).
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function causalAttention(rows: HeadRows, layout: HeadLayout, cache?: KeyValueCache): Tensor {
  const { heads, kvHeads, dim, alibi = null, alibiScale = 1, rotary = null } = layout
  const parts = partsOf(rows, layout)
  const [front] = parts
  const { device, shape } = front
  const [batch = 0, tokens = 0] = shape
  const past = cache?.length ?? 0
  const keys = past + tokens
  const capacity = cache?.k.shape[2] ?? tokens
  check(
    alibi === null || alibi.count === heads + batch * keys,
    'shape',
    () => `causalAttention: alibi ${showShape(alibi?.shape ?? [])} is not [${heads} + ${batch}·${keys}]`,
  )
  if (cache) checkCache(cache, [batch, kvHeads, dim], parts)
  check(
    keys <= capacity,
    'shape',
    () => `causalAttention: ${keys} tokens do not fit a cache of ${capacity}; make a larger one`,
  )
  check(dim <= 256, 'unsupported', () => `causalAttention: heads of ${dim} channels; the kernels take up to 256`)
  const isFused = parts.length === 1 && rotary === null && cache === undefined
  const { q, k, v } = isFused ? { q: front, k: front, v: front } : splitHeads(parts, layout, cache, past)
  const sizes = { batch, heads, kvHeads, queries: tokens, keys, capacity, dim }
  const bias = { hasAlibi: +(alibi !== null), first: 0, alibiScale }
  const params = { ...sizes, ...bias, isFused: +isFused, scale: 1 / Math.sqrt(dim) }
  const out = empty(device, [batch, tokens, heads * dim], 'attention')
  const stats = empty(device, [batch, heads, tokens, 2], 'attention stats')
  device.run('attention', { q, k, v, alibi, out, stats }, params)
  const rule = (dOut: Tensor) => {
    const dQ = empty(device, q.shape, isFused ? 'dQkv' : 'dQ')
    const dKv = isFused ? dQ : empty(device, [batch, 2 * kvHeads, tokens, dim], 'dKv')
    device.run('attentionBackwardQuery', { q, k, v, alibi, dOut, out, stats, dQ }, params)
    device.run('attentionBackwardKey', { q, k, v, alibi, dOut, stats, dKv }, params)
    return isFused ? [dQ] : joinHeads(dQ, dKv, parts.length === 1, layout)
  }
  const byHead = isFused ? [] : cache ? [q] : [q, k, v]
  return record(out, parts, rule, {
    reads: [alibi, rotary, out, isFused ? front : null],
    saved: [...byHead, stats],
  })
}

/** What a cache must be before anything is written to it. */
function checkCache(
  { k, v, length }: KeyValueCache,
  [batch, kvHeads, dim]: readonly [number, number, number],
  parts: readonly Tensor[],
): void {
  check(
    !parts.some(({ requiresGrad }) => requiresGrad),
    'unsupported',
    () => 'causalAttention: no gradient goes through a cache',
  )
  check(Number.isInteger(length) && length >= 0, 'shape', () => {
    return `causalAttention: a cache holds a whole number of tokens, not ${length}`
  })
  const shape = [batch, kvHeads, k.shape[2] ?? 0, dim]
  check(sameShape(k.shape, shape) && sameShape(v.shape, shape), 'shape', () => {
    return (
      `causalAttention: a cache of k ${showShape(k.shape)} and v ${showShape(v.shape)} does not fit ` +
      `${batch} rows of ${kvHeads} heads of ${dim}`
    )
  })
}
