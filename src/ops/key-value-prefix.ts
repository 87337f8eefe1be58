import { check } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { empty, reshaped, rowsOf, type Tensor } from '../tensor/tensor.ts'
import type { HeadLayout } from './head-layout.ts'

/**
 * Keys and values that stand before the tokens' own, such as virtual tokens of prefix tuning (arXiv 2101.00190). They
 * are taken as they are: nothing turns them.
 */
export interface KeyValuePrefix {
  /**
   * f32 [b, p, kvHeads · dim], or [1, p, kvHeads · dim] for all rows of a batch. A gradient reaches it where it wants
   * one.
   */
  readonly k: Tensor
  readonly v: Tensor
}

/** Tokens that a prefix stands for. */
export function prefixLength(prefix: KeyValuePrefix | undefined): number {
  return prefix?.k.shape[1] ?? 0
}

/** @throws MedAwareError `shape` for a prefix that does not fit heads or the rows of a batch. */
export function checkPrefix({ k, v }: KeyValuePrefix, { kvHeads, dim }: HeadLayout, batch: number): void {
  const fits = k.shape[2] === kvHeads * dim && (k.shape[0] === 1 || k.shape[0] === batch)
  check(k.shape.length === 3 && fits && sameShape(k.shape, v.shape), 'shape', () => {
    return (
      `attention: a prefix of k ${showShape(k.shape)} and v ${showShape(v.shape)} is not [1 or ${batch}, tokens, ` +
      `${kvHeads}·${dim}]`
    )
  })
}

/** Sizes of what sorts a prefix by head: nothing is turned, and it stands from row 0 on. */
function sizesOf({ k }: KeyValuePrefix, { kvHeads, dim }: HeadLayout, batch: number, capacity: number) {
  const [, tokens = 0] = k.shape
  return { batch, tokens, heads: kvHeads, dim, past: 0, capacity, hasRotary: 0, rotaryStep: 0 }
}

/** Writes a prefix to the first rows of keys and values by head, f32 [b, kvHeads, capacity, dim]. */
export function putPrefix(prefix: KeyValuePrefix, layout: HeadLayout, to: { readonly k: Tensor; readonly v: Tensor }) {
  const { device, shape } = to.k
  const [batch = 0, , capacity = 0] = shape
  const sizes = sizesOf(prefix, layout, batch, capacity)
  for (const name of ['k', 'v'] as const) {
    const own = prefix[name]
    const x = own.shape[0] === batch ? own : repeated(own, batch)
    device.run('rowsToHeads', { x, rotary: null, out: to[name] }, sizes)
    if (x !== own) x.dispose()
  }
}

/** Gradients of a prefix's k and v, of dKv f32 [b, 2 kvHeads, capacity, dim]. */
export function prefixGradients(prefix: KeyValuePrefix, layout: HeadLayout, dKv: Tensor): readonly [Tensor, Tensor] {
  const { kvHeads } = layout
  const [batch = 0, , capacity = 0] = dKv.shape
  const sizes = { ...sizesOf(prefix, layout, batch, capacity), held: 2 * kvHeads }
  const { device } = dKv
  const gradient = (first: number, label: string): Tensor => {
    const out = empty(device, [batch, ...prefix.k.shape.slice(1)], label)
    device.run('headsToRows', { x: dKv, rotary: null, out }, { ...sizes, first })
    if (prefix.k.shape[0] === batch) return out
    // One prefix served all rows.
    const sum = empty(device, prefix.k.shape, label)
    device.run('sumRows', { x: out, out: sum }, { rows: batch, dim: sum.count, accumulate: 0 })
    out.dispose()
    return sum
  }
  return [gradient(0, 'dK of the prefix'), gradient(kvHeads, 'dV of the prefix')]
}

/** A tensor [1, p, c] for each of `batch` rows. */
function repeated(x: Tensor, batch: number): Tensor {
  const all = empty(x.device, [batch, x.count], 'prefixes')
  for (let row = 0; row < batch; row++) x.device.copy(x, rowsOf(all, row, row + 1))
  return reshaped(all, [batch, ...x.shape.slice(1)])
}
