import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import type { HeadLayout, HeadRows } from './head-layout.ts'

/** Queries, keys and values by head. */
export interface Heads {
  /** f32 [b, heads, t, dim]. */
  readonly q: Tensor
  /** f32 [b, kvHeads, capacity, dim], filled from row `past` on. */
  readonly k: Tensor
  readonly v: Tensor
}

/**
 * Sorts projected rows by head and turns queries and keys by their rotary angles, without history; new keys and values go
 * behind those of a cache. @throws MedAwareError `shape` where sizes do not fit.
 */
export function splitHeads(rows: HeadRows, layout: HeadLayout, cache?: Pick<Heads, 'k' | 'v'>, past = 0): Heads {
  const { heads, kvHeads, dim, rotary = null } = layout
  const parts = partsOf(rows)
  const [{ device, shape }] = parts
  const [batch = 0, tokens = 0] = shape
  const widths = parts.length === 1 ? [heads + 2 * kvHeads] : [heads, kvHeads, kvHeads]
  check(
    parts.every(({ columns }, i) => columns === (widths[i] ?? 0) * dim),
    'shape',
    () => {
      const names = parts.length === 1 ? ['qkv'] : ['q', 'k', 'v']
      const given = parts.map((part, i) => `${names[i]} ${showShape(part.shape)}`).join(', ')
      return `causalAttention: ${given} ${parts.length === 1 ? 'does' : 'do'} not hold ${heads} + 2·${kvHeads} heads of ${dim}`
    },
  )
  check(
    rotary === null || (dim % 2 === 0 && rotary.count === tokens * dim),
    'shape',
    () => `causalAttention: rotary ${showShape(rotary?.shape ?? [])} is not [${tokens}·${dim}], of an even ${dim}`,
  )
  const q = empty(device, [batch, heads, tokens, dim], 'queries')
  const k = cache?.k ?? empty(device, [batch, kvHeads, tokens, dim], 'keys')
  const v = cache?.v ?? empty(device, [batch, kvHeads, tokens, dim], 'values')
  const capacity = k.shape[2] ?? 0
  const hasRotary = +(rotary !== null)
  const sizes = { batch, tokens, dim }
  if (parts.length === 1) {
    const params = { ...sizes, heads, kvHeads, past, capacity, hasRotary }
    device.run('splitHeads', { qkv: parts[0], rotary, q, k, v }, params)
  } else {
    const [xQ, xK, xV] = parts
    const place = { past, capacity }
    device.run('rowsToHeads', { x: xQ, rotary, out: q }, { ...sizes, heads, past: 0, capacity: tokens, hasRotary })
    device.run('rowsToHeads', { x: xK, rotary, out: k }, { ...sizes, heads: kvHeads, ...place, hasRotary })
    device.run('rowsToHeads', { x: xV, rotary: null, out: v }, { ...sizes, heads: kvHeads, ...place, hasRotary: 0 })
  }
  return { q, k, v }
}

/** The reverse, for gradients by head, which are freed: gradients of the rows, in the order of `partsOf`. */
export function joinHeads({ q: dQ, k: dK, v: dV }: Heads, isFused: boolean, layout: HeadLayout): readonly Tensor[] {
  const { heads, kvHeads, dim, rotary = null } = layout
  const { device, shape } = dQ
  const [batch = 0, , tokens = 0] = shape
  const sizes = { batch, tokens, dim }
  const made = (width: number, label: string) => empty(device, [batch, tokens, width * dim], label)
  const hasRotary = +(rotary !== null)
  const rows = isFused
    ? [made(heads + 2 * kvHeads, 'dQkv')]
    : [made(heads, 'dQ rows'), made(kvHeads, 'dK rows'), made(kvHeads, 'dV rows')]
  const [first, rowsK, rowsV] = rows as [Tensor, Tensor?, Tensor?]
  if (rowsK === undefined || rowsV === undefined) {
    device.run('joinHeads', { dQ, dK, dV, rotary, dQkv: first }, { ...sizes, heads, kvHeads, hasRotary })
  } else {
    device.run('headsToRows', { x: dQ, rotary, out: first }, { ...sizes, heads, hasRotary })
    device.run('headsToRows', { x: dK, rotary, out: rowsK }, { ...sizes, heads: kvHeads, hasRotary })
    device.run('headsToRows', { x: dV, rotary: null, out: rowsV }, { ...sizes, heads: kvHeads, hasRotary: 0 })
  }
  for (const part of [dQ, dK, dV]) part.dispose()
  return rows
}

/** One tensor of fused rows, or three. */
export function partsOf(rows: HeadRows): readonly [Tensor] | readonly [Tensor, Tensor, Tensor] {
  return 'q' in rows ? [rows.q, rows.k, rows.v] : [rows]
}
