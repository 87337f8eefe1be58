/** What the sizes of attention's windows hang on. */
interface Attention {
  readonly heads: number
  readonly kvHeads: number
  readonly queries: number
  readonly capacity: number
  readonly dim: number
  readonly isFused: number
}

/** Bytes of one sample's heads of so many rows. */
export const headBytes = (heads: number, rows: number, dim: number) => 4 * heads * rows * dim

/** Bytes of a sample in attention's q, k and v. */
export function attended(p: Attention) {
  const fused = headBytes(p.heads + 2 * p.kvHeads, p.queries, p.dim)
  if (p.isFused === 1) return { q: fused, k: fused, v: fused }
  const kv = headBytes(p.kvHeads, p.capacity, p.dim)
  return { q: headBytes(p.heads, p.queries, p.dim), k: kv, v: kv }
}

/** Bytes of a sample's rotary angles, where samples have angles of their own. */
export const anglesOf = (rotaryStep: number) => (rotaryStep === 0 ? {} : { rotary: 4 * rotaryStep })

/** In its out, in its stats, and in gradients of its keys and values. */
export const rowsOf = (p: Attention) => headBytes(p.heads, p.queries, p.dim)
export const statsOf = (p: Attention) => headBytes(p.heads, p.queries, 2)
export const gradientsOf = (p: Attention) => (p.isFused === 1 ? 1 : 2) * attended(p).k
