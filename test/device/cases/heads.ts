import { at, doubles, junk, type KernelCase, kernelCase, normals, seedDraws } from '../kernel-case.ts'

seedDraws('heads')

const layouts = [
  // Three samples of whole windows, so that the batch can be cut.
  { batch: 3, tokens: 4, heads: 4, kvHeads: 2, dim: 8, past: 3, capacity: 8 },
  { batch: 2, tokens: 5, heads: 4, kvHeads: 2, dim: 6, past: 3, capacity: 10 },
  { batch: 1, tokens: 3, heads: 3, kvHeads: 3, dim: 8, past: 0, capacity: 3 },
  { batch: 2, tokens: 1, heads: 5, kvHeads: 1, dim: 14, past: 7, capacity: 8 },
]

/** A head's row turned by a token's angles, whose cosines and sines are its row of the table; back where sign is -1. */
function turn(row: Float64Array, table: Float32Array | null, token: number, sign: number): Float64Array {
  if (table === null) return row
  const half = row.length / 2
  const cosine = (d: number) => at(table, token * row.length + (d % half))
  const sine = (d: number) => sign * at(table, token * row.length + half + (d % half))
  return row.map((x, d) => {
    return d < half ? x * cosine(d) - at(row, d + half) * sine(d) : x * cosine(d) + at(row, d - half) * sine(d)
  })
}

/** Rows [batch,tokens,slots,dim], of which slot i is head `slotOf(head)`, by head. */
function byHead(
  rows: Float32Array,
  before: Float32Array,
  s: { batch: number; tokens: number; slots: number; heads: number; dim: number; past: number; capacity: number },
  slotOf: (head: number) => number,
  table: Float32Array | null,
): Float64Array {
  const out = Float64Array.from(before)
  for (let sample = 0; sample < s.batch; sample++) {
    for (let token = 0; token < s.tokens; token++) {
      for (let head = 0; head < s.heads; head++) {
        const start = ((sample * s.tokens + token) * s.slots + slotOf(head)) * s.dim
        const row = Float64Array.from(rows.subarray(start, start + s.dim))
        // Rows of a batch have angles of their own where there are so many.
        const own = (table?.length ?? 0) > s.tokens * s.dim ? sample * s.tokens : 0
        out.set(turn(row, table, own + token, 1), ((sample * s.heads + head) * s.capacity + s.past + token) * s.dim)
      }
    }
  }
  return out
}

export const headCases: KernelCase[] = layouts.flatMap((p) =>
  ['none', 'shared', 'own'].flatMap((kind) => {
    const { batch, tokens, heads, kvHeads, dim, past, capacity } = p
    const group = heads / kvHeads
    const slots = heads + 2 * kvHeads
    const rows = kind === 'own' ? batch * tokens : tokens
    const angles = normals((rows * dim) / 2)
    const hasRotary = +(kind !== 'none')
    const told = { hasRotary, rotaryStep: kind === 'own' && batch > 1 ? tokens * dim : 0 }
    const rotary = hasRotary
      ? Float32Array.from({ length: rows * dim }, (_, i) => {
          const [token, d] = [Math.floor(i / dim), i % dim]
          const angle = at(angles, (token * dim) / 2 + (d % (dim / 2)))
          return d < dim / 2 ? Math.cos(angle) : Math.sin(angle)
        })
      : null
    const title = `${Object.values(p).join(' ')} rotary ${kind}`
    const fused = normals(batch * tokens * slots * dim)
    const [q, k, v] = [
      junk(batch * heads * tokens * dim),
      junk(batch * kvHeads * capacity * dim),
      junk(batch * kvHeads * capacity * dim),
    ]
    const keySizes = { batch, tokens, slots, heads: kvHeads, dim, past, capacity }
    const kSlot = (head: number) => head * (group + 2) + group
    const queries = byHead(
      fused,
      q,
      { ...keySizes, heads, past: 0, capacity: tokens },
      (head) => Math.floor(head / group) * (group + 2) + (head % group),
      rotary,
    )
    // The reverse is tested with what they give.
    const dQ = Float32Array.from(queries)
    const dK = Float32Array.from(byHead(fused, k, keySizes, kSlot, rotary))
    const dV = Float32Array.from(byHead(fused, v, keySizes, (head) => kSlot(head) + 1, null))
    const place = { past, capacity }
    const half = dK.length / batch
    const dKv = Float32Array.from({ length: 2 * dK.length }, (_, e) =>
      at(Math.floor(e / half) % 2 ? dV : dK, Math.floor(e / half / 2) * half + (e % half)),
    )
    /** Where channel i of rows [batch,tokens,count,dim] stands in the fused ones. */
    const slotAt = (i: number, count: number, slotOf: (head: number) => number) =>
      (Math.floor(i / dim / count) * slots + slotOf(Math.floor(i / dim) % count)) * dim + (i % dim)
    const own = { batch, tokens, slots: heads, heads, dim, past, capacity }
    const x = normals(batch * tokens * heads * dim)
    const out = junk(batch * heads * capacity * dim)
    const turned = Float32Array.from(byHead(x, out, own, (head) => head, rotary))
    const ofValues = batch * tokens * kvHeads * dim
    const tolerance = hasRotary ? 1e-6 : 0
    return [
      kernelCase('splitHeads', title, {
        reads: { qkv: fused, rotary },
        writes: { q, k, v },
        params: { ...p, ...told },
        expected: {
          q: queries,
          k: byHead(fused, k, keySizes, kSlot, rotary),
          v: byHead(fused, v, keySizes, (head) => kSlot(head) + 1, null),
        },
        tolerance,
      }),
      kernelCase('joinHeads', title, {
        reads: { dQ, dKv, rotary },
        writes: { dQkv: junk(fused.length) },
        params: { batch, tokens, heads, kvHeads, dim, ...place, ...told },
        expected: { dQkv: doubles(fused.length, (i) => at(fused, i)) },
        tolerance,
      }),
      kernelCase('rowsToHeads', title, {
        reads: { x, rotary },
        writes: { out },
        params: { batch, tokens, heads, dim, ...place, ...told },
        expected: { out: byHead(x, out, own, (head) => head, rotary) },
        tolerance,
      }),
      kernelCase('headsToRows', title, {
        reads: { x: turned, rotary },
        writes: { out: junk(x.length) },
        params: { batch, tokens, heads, held: heads, first: 0, dim, ...place, ...told },
        expected: { out: doubles(x.length, (i) => at(x, i)) },
        tolerance,
      }),
      // Values without rotary, behind the keys of their sample.
      kernelCase('headsToRows', `${title}, of values`, {
        reads: { x: dKv, rotary: null },
        writes: { out: junk(ofValues) },
        params: {
          ...{ batch, tokens, heads: kvHeads, held: 2 * kvHeads, first: kvHeads, dim },
          ...{ ...place, hasRotary: 0, rotaryStep: 0 },
        },
        expected: {
          out: doubles(ofValues, (i) =>
            at(
              fused,
              slotAt(i, kvHeads, (head) => kSlot(head) + 1),
            ),
          ),
        },
        tolerance: 0,
      }),
    ]
  }),
)
