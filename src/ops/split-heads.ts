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

/** Where sorted rows go, and what turns them. */
export interface HeadPlaces {
  readonly rotary: Tensor | null
  /** Where keys and values go; absent: tensors of their own. */
  readonly cache?: Pick<Heads, 'k' | 'v'> | undefined
  /** The row from which on they go there. */
  readonly past: number
}

/** One tensor of fused rows, or three. */
export type HeadParts = readonly [Tensor] | readonly [Tensor, Tensor, Tensor]

/** What rows consist of. @throws MedAwareError `shape` where sizes do not fit. */
export function partsOf(rows: HeadRows, { heads, kvHeads, dim }: HeadLayout, rotary: Tensor | null): HeadParts {
  const parts: HeadParts = 'q' in rows ? [rows.q, rows.k, rows.v] : [rows]
  const tokens = parts[0].shape[1] ?? 0
  const widths = parts.length === 1 ? [heads + 2 * kvHeads] : [heads, kvHeads, kvHeads]
  check(
    parts.every(({ columns }, i) => columns === (widths[i] ?? 0) * dim),
    'shape',
    () => {
      const names = parts.length === 1 ? ['qkv'] : ['q', 'k', 'v']
      const given = parts.map((part, i) => `${names[i]} ${showShape(part.shape)}`).join(', ')
      return `attention: ${given} ${parts.length === 1 ? 'does' : 'do'} not hold ${heads} + 2·${kvHeads} heads of ${dim}`
    },
  )
  const [{ rows: ofFirst }] = parts
  check(
    parts[0].shape.length === 3 && parts.every(({ rows: ofPart }) => ofPart === ofFirst),
    'shape',
    () =>
      `attention: rows must be [b, t, c] with one b and t, got ${parts.map(({ shape }) => showShape(shape)).join(', ')}`,
  )
  check(
    rotary === null || (dim % 2 === 0 && [tokens * dim, ofFirst * dim].includes(rotary.count)),
    'shape',
    () =>
      `attention: rotary ${showShape(rotary?.shape ?? [])} is neither [${tokens}·${dim}] nor [${ofFirst}·${dim}], of an even ${dim}`,
  )
  return parts
}

/**
 * Sorts projected rows by head and turns queries and keys by their rotary angles, without history; new keys and values
 * go behind those of a cache.
 */
export function splitHeads(
  parts: HeadParts,
  { heads, kvHeads, dim }: HeadLayout,
  { rotary, cache, past }: HeadPlaces,
): Heads {
  const [{ device, shape }] = parts
  const [batch = 0, tokens = 0] = shape
  const q = empty(device, [batch, heads, tokens, dim], 'queries')
  const k = cache?.k ?? empty(device, [batch, kvHeads, past + tokens, dim], 'keys')
  const v = cache?.v ?? empty(device, [batch, kvHeads, past + tokens, dim], 'values')
  const capacity = k.shape[2] ?? 0
  const { hasRotary, rotaryStep } = anglesOf(rotary, tokens * dim)
  // Written out: spreads would cost more than all else a token takes on the host here.
  if (parts.length === 1) {
    device.run(
      'splitHeads',
      { qkv: parts[0], rotary, q, k, v },
      { batch, tokens, heads, kvHeads, dim, past, capacity, hasRotary, rotaryStep },
    )
  } else {
    const [xQ, xK, xV] = parts
    device.run(
      'rowsToHeads',
      { x: xQ, rotary, out: q },
      { batch, tokens, heads, dim, past: 0, capacity: tokens, hasRotary, rotaryStep },
    )
    device.run(
      'rowsToHeads',
      { x: xK, rotary, out: k },
      { batch, tokens, heads: kvHeads, dim, past, capacity, hasRotary, rotaryStep },
    )
    device.run(
      'rowsToHeads',
      { x: xV, rotary: null, out: v },
      { batch, tokens, heads: kvHeads, dim, past, capacity, hasRotary: 0, rotaryStep: 0 },
    )
  }
  return { q, k, v }
}

/** What kernels are told of angles: f32 [t · dim] for all rows of a batch, or [b · t · dim]. */
function anglesOf(rotary: Tensor | null, own: number) {
  return { hasRotary: +(rotary !== null), rotaryStep: rotary === null || rotary.count === own ? 0 : own }
}

/**
 * The reverse, for gradients by head, which are freed: dQ f32 [b, heads, t, dim] and dKv f32 [b, 2 kvHeads, p + t,
 * dim], a sample's heads of dK before its heads of dV, of which a prefix has the first p rows. Returns gradients of the
 * rows, in the order of `partsOf`.
 */
export function joinHeads(
  dQ: Tensor,
  dKv: Tensor,
  { heads, kvHeads, dim }: HeadLayout,
  { isFused, rotary }: { readonly isFused: boolean; readonly rotary: Tensor | null },
): readonly Tensor[] {
  const { device, shape } = dQ
  const [batch = 0, , tokens = 0] = shape
  const sizes = { batch, tokens, dim }
  const angles = anglesOf(rotary, tokens * dim)
  const capacity = dKv.shape[2] ?? 0
  const place = { past: capacity - tokens, capacity }
  const made = (width: number, label: string) => empty(device, [batch, tokens, width * dim], label)
  const rows: Tensor[] = []
  if (isFused) {
    const dQkv = made(heads + 2 * kvHeads, 'dQkv')
    device.run('joinHeads', { dQ, dKv, rotary, dQkv }, { ...sizes, heads, kvHeads, ...place, ...angles })
    rows.push(dQkv)
  } else {
    const [rowsQ, rowsK, rowsV] = [made(heads, 'dQ rows'), made(kvHeads, 'dK rows'), made(kvHeads, 'dV rows')]
    const ofQ = { ...sizes, heads, held: heads, first: 0, past: 0, capacity: tokens }
    const ofKv = { ...sizes, heads: kvHeads, held: 2 * kvHeads, ...place }
    device.run('headsToRows', { x: dQ, rotary, out: rowsQ }, { ...ofQ, ...angles })
    device.run('headsToRows', { x: dKv, rotary, out: rowsK }, { ...ofKv, first: 0, ...angles })
    device.run('headsToRows', { x: dKv, rotary: null, out: rowsV }, { ...ofKv, first: kvHeads, ...anglesOf(null, 0) })
    rows.push(rowsQ, rowsK, rowsV)
  }
  for (const part of [dQ, dKv]) part.dispose()
  return rows
}
