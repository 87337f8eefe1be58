import { record } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import type { HeadLayout, HeadRows } from './head-layout.ts'
import { checkPrefix, type KeyValuePrefix, prefixGradients, prefixLength, putPrefix } from './key-value-prefix.ts'
import { joinHeads, partsOf, splitHeads } from './split-heads.ts'
import { Visibility } from './visibility.ts'
import { type VisibleKeys, visibleKeys } from './visible-keys.ts'

/** Keys and values of tokens seen before, for generating a token at a time. */
export interface KeyValueCache {
  /** f32 [b, kvHeads, capacity, dim], filled up to `length`; keys are turned by their rotary angles. */
  readonly k: Tensor
  readonly v: Tensor
  /** Tokens held before this call. */
  readonly length: number
}

/** What attention is told beside its rows. */
export interface AttentionOptions {
  /**
   * Who sees whom, of b rows, t queries and as many keys as there are, and ALiBi's numbers. Default: causal, without
   * ALiBi.
   */
  readonly visible?: VisibleKeys | undefined
  /**
   * f32 [t · dim], or [b · t · dim] where rows differ: of each new token the cosines of dim/2 angles, then their sines;
   * `null`: nothing is turned. Default null.
   */
  readonly rotary?: Tensor | null | undefined
  /** Where keys and values of earlier tokens are, and those of the new ones go. Default none. */
  readonly cache?: KeyValueCache | undefined
  /** Keys and values that stand before the new ones; they go into a cache while it is empty. Default none. */
  readonly prefix?: KeyValuePrefix | undefined
}

/**
 * softmax(scale · q kᵀ + alibiScale · bfloat16(slope · position)) v over the keys that a query sees, 0 where it sees
 * none; out f32 [b, t, heads · dim]. Rotary angles turn channels i and i + dim/2 of queries and keys before
 * (rotate_half of transformers). With a cache, the new keys and values are written behind those it holds, and keys =
 * cache.length + t; with a prefix of p tokens keys = p + t, and a cache, which must be empty, then holds all of them.
 * Fused rows without any of these are read as they lie, all else is sorted by head first. Backward recomputes the
 * probabilities from the rows' log-sum-exp (FlashAttention-2, arXiv 2307.08691).
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function attention(rows: HeadRows, layout: HeadLayout, options: AttentionOptions = {}): Tensor {
  const { heads, kvHeads, dim, scale = 1 / Math.sqrt(dim), alibiScale = 1 } = layout
  const { rotary = null, cache, prefix } = options
  const parts = partsOf(rows, layout, rotary)
  const [front] = parts
  const { device, shape } = front
  const [batch = 0, tokens = 0] = shape
  const past = (cache?.length ?? 0) + prefixLength(prefix)
  const keys = past + tokens
  const capacity = cache?.k.shape[2] ?? keys
  if (options.visible) checkVisible(options.visible, { batch, tokens, keys, heads })
  check(!prefix || !cache || cache.length === 0, 'config', () => {
    return `attention: a prefix stands before all tokens, and the cache holds ${cache?.length} already`
  })
  if (cache) checkCache(cache, [batch, kvHeads, dim], parts)
  if (prefix) checkPrefix(prefix, layout, batch)
  check(
    keys <= capacity,
    'shape',
    () => `attention: ${keys} tokens do not fit a cache of ${capacity}; make a larger one`,
  )
  check(dim <= 256, 'unsupported', () => `attention: heads of ${dim} channels; the kernels take up to 256`)
  const visible = options.visible ?? visibleKeys(device, Visibility.causal(batch, tokens, keys))
  const { table } = visible
  const isFused = parts.length === 1 && rotary === null && cache === undefined && prefix === undefined
  const { q, k, v } = isFused ? { q: front, k: front, v: front } : splitHeads(parts, layout, { rotary, cache, past })
  if (prefix) putPrefix(prefix, layout, { k, v })
  const hasAlibi = +(visible.slopes > 0)
  const hasHoles = +visible.hasHoles
  // Written out: spreads would cost more than all else a call takes on the host.
  const params = {
    batch,
    heads,
    kvHeads,
    queries: tokens,
    keys,
    capacity,
    dim,
    isFused: +isFused,
    hasAlibi,
    hasHoles,
    first: 0,
    scale,
    alibiScale,
  }
  const out = empty(device, [batch, tokens, heads * dim], 'attention')
  const stats = empty(device, [batch, heads, tokens, 2], 'attention stats')
  device.run('attention', { q, k, v, table, out, stats }, params)
  const rule = (dOut: Tensor) => {
    const dQ = empty(device, q.shape, isFused ? 'dQkv' : 'dQ')
    const dKv = isFused ? dQ : empty(device, [batch, 2 * kvHeads, keys, dim], 'dKv')
    device.run('attentionBackwardQuery', { q, k, v, table, dOut, out, stats, dQ }, params)
    device.run('attentionBackwardKey', { q, k, v, table, dOut, stats, dKv }, params)
    if (isFused) return [dQ]
    const ofPrefix = prefix ? prefixGradients(prefix, layout, dKv) : []
    return [...joinHeads(dQ, dKv, layout, { isFused: parts.length === 1, rotary }), ...ofPrefix]
  }
  const byHead = isFused ? [] : cache ? [q] : [q, k, v]
  return record(out, prefix ? [...parts, prefix.k, prefix.v] : parts, rule, {
    reads: [options.visible ? table : null, rotary, out, isFused ? front : null],
    saved: [...byHead, stats, ...(options.visible ? [] : [table])],
  })
}

function checkVisible(
  { samples, queries, keys: seen, slopes }: VisibleKeys,
  { batch, tokens, keys, heads }: Readonly<Record<'batch' | 'tokens' | 'keys' | 'heads', number>>,
): void {
  check(samples === batch && queries === tokens && seen === keys, 'shape', () => {
    return (
      `attention: visible is of ${samples} rows, ${queries} queries and ${seen} keys, the rows have ` +
      `${batch}, ${tokens} and ${keys}`
    )
  })
  check(slopes === 0 || slopes === heads, 'shape', () => `attention: visible has ${slopes} slopes for ${heads} heads`)
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
    () => 'attention: no gradient goes through a cache',
  )
  check(Number.isInteger(length) && length >= 0, 'shape', () => {
    return `attention: a cache holds a whole number of tokens, not ${length}`
  })
  const shape = [batch, kvHeads, k.shape[2] ?? 0, dim]
  check(sameShape(k.shape, shape) && sameShape(v.shape, shape), 'shape', () => {
    return (
      `attention: a cache of k ${showShape(k.shape)} and v ${showShape(v.shape)} does not fit ` +
      `${batch} rows of ${kvHeads} heads of ${dim}`
    )
  })
}
