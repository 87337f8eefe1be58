import type { KernelName, KernelParams, KernelReads, KernelWrites } from './kernels.ts'

/** What a piece of a call sees of a binding. */
export interface CutWindow {
  /** Bytes that one unit of the axis takes, or `per` of them: a piece's window starts at its first unit. */
  readonly bytes: number
  /** Default 1. */
  readonly per?: number
  /** Bytes the window goes on behind the piece's last unit, at most to the binding's end. Default 0. */
  readonly beyond?: number
}

/** An axis along which a call can be done in pieces, one after another, where an adapter binds less than all at once. */
export interface Cut<N extends string = string, P extends object = Readonly<Record<string, number>>> {
  /** The parameter that counts the axis; a piece has fewer of it. */
  readonly along: keyof P & string
  /** The bindings that are cut, a bare number being `bytes`; all others are bound whole. `null` where this call has no such cut. */
  windows(params: P): { readonly [name in N]?: number | CutWindow } | null
  /** Pieces begin at multiples of so many units. Default 1. */
  step?(params: P): number
  /** Parameters of the piece from unit `begin` on that differ from the call's, beside `along`. Default none. */
  from?(begin: number, params: P): Partial<P>
}

/** What changes along an axis that is summed over: all pieces but the first add to what is there. */
const added = (begin: number) => (begin > 0 ? { accumulate: 1 } : {})

/** The same for products, whose bias is added once. */
const addedWithoutBias = (begin: number) => (begin > 0 ? { accumulate: 1, hasBias: 0 } : {})

/** What changes where `first` counts the units before a call's own. */
const further = (begin: number, { first }: { readonly first: number }) => ({ first: first + begin })

/** Columns of `rows` rows that lie `pitch` elements apart: a piece's window reaches from its first in the first row to its last in the last. */
const columns = (rows: number, pitch: number) => ({ bytes: 4, beyond: 4 * (rows - 1) * pitch })

type Storage = { readonly [name in 'bits' | 'blockSize' | 'isNested' | 'nestedCount']: number }
const nestedBlock = 256

/** Windows of a stored matrix along an axis whose unit is `elements` of it. The last of nested is read by every piece. */
const stored = (elements: number, { bits, blockSize, isNested }: Storage) => ({
  codes: { bytes: elements * bits, per: 8 },
  absmax: { bytes: (isNested === 1 ? 1 : 4) * elements, per: blockSize },
  nested: { bytes: 4 * elements, per: nestedBlock * blockSize, beyond: Infinity },
})

/** Where the last of nested lies in a window that begins `elements` elements on. */
const nestedFrom = (elements: number, { blockSize, isNested, nestedCount }: Storage) =>
  isNested === 1 ? { nestedCount: nestedCount - elements / (nestedBlock * blockSize) } : {}

/** Bytes of one sample's heads of so many rows. */
const headBytes = (heads: number, rows: number, dim: number) => 4 * heads * rows * dim

type Attention = KernelParams<'attention'>

/** Bytes of a sample in attention's q, k and v. */
function attended(p: Attention) {
  const fused = headBytes(p.heads + 2 * p.kvHeads, p.queries, p.dim)
  if (p.isFused === 1) return { q: fused, k: fused, v: fused }
  const kv = headBytes(p.kvHeads, p.capacity, p.dim)
  return { q: headBytes(p.heads, p.queries, p.dim), k: kv, v: kv }
}

/** In its out, in its stats, and in gradients of its keys and values. */
const rowsOf = (p: Attention) => headBytes(p.heads, p.queries, p.dim)
const statsOf = (p: Attention) => headBytes(p.heads, p.queries, 2)
const gradientsOf = (p: Attention) => (p.isFused === 1 ? 1 : 2) * attended(p).k

type Cuts = {
  readonly [K in KernelName]?: readonly Cut<KernelReads<K> | KernelWrites<K>, KernelParams<K>>[]
}

/**
 * How a call of a kernel may be cut where a binding, or the number of workgroups, is beyond an adapter. Of several ways the
 * first that helps is taken, and the pieces are cut again where they are still too large. What is not here cannot be cut.
 */
export const cuts: Cuts = {
  // Rows of out; columns of out where they are rows of b; terms of the sums where those are rows of b.
  matmul: [
    {
      along: 'm',
      windows: (p) => ({ a: p.transA === 1 ? columns(p.k, p.pitchA) : 4 * p.pitchA, out: 4 * p.pitchOut }),
    },
    {
      along: 'n',
      windows: (p) => (p.transB === 1 ? { b: 4 * p.k, bias: 4, out: columns(p.m, p.pitchOut) } : null),
    },
    {
      along: 'k',
      windows: (p) =>
        p.transB === 1 ? null : { a: p.transA === 1 ? 4 * p.pitchA : columns(p.m, p.pitchA), b: 4 * p.n },
      from: addedWithoutBias,
    },
  ],
  matmulStored: [
    { along: 'm', windows: (p) => ({ a: 4 * p.pitchA, out: 4 * p.pitchOut }) },
    {
      along: 'n',
      windows: (p) => (p.transB === 1 ? { ...stored(p.k, p), bias: 4, out: columns(p.m, p.pitchOut) } : null),
      from: (begin, p) => nestedFrom(begin * p.k, p),
    },
    {
      along: 'k',
      windows: (p) => (p.transB === 1 ? null : { ...stored(p.n, p), a: columns(p.m, p.pitchA) }),
      from: (begin, p) => ({ ...addedWithoutBias(begin), ...nestedFrom(begin * p.n, p) }),
    },
  ],
  quantizeFourBit: [
    {
      along: 'count',
      windows: (p) => ({ input: 4, codes: { bytes: 1, per: 2 }, absmax: { bytes: 4, per: p.blockSize } }),
    },
  ],
  quantizeInt8: [{ along: 'rows', step: () => 4, windows: ({ dim }) => ({ input: 4 * dim, codes: dim, scale: 4 }) }],
  dequantize: [
    { along: 'count', step: (p) => p.blockSize, windows: (p) => ({ ...stored(1, p), out: 4 }), from: nestedFrom },
  ],
  embedding: [
    { along: 'rows', windows: ({ dim }) => ({ ids: 4, out: 4 * dim }) },
    { along: 'vocab', windows: ({ dim, bits }) => ({ table: { bytes: dim * bits, per: 8 } }), from: further },
  ],
  embeddingBackward: [
    { along: 'vocab', windows: ({ dim }) => ({ dTable: 4 * dim }), from: further },
    { along: 'rows', windows: ({ dim }) => ({ ids: 4, dOut: 4 * dim }), from: added },
  ],
  layerNorm: [{ along: 'rows', windows: ({ dim }) => ({ x: 4 * dim, out: 4 * dim, stats: 8 }) }],
  addLayerNorm: [
    { along: 'rows', windows: ({ dim }) => ({ x: 4 * dim, r: 4 * dim, y: 4 * dim, out: 4 * dim, stats: 8 }) },
  ],
  layerNormBackward: [{ along: 'rows', windows: ({ dim }) => ({ dOut: 4 * dim, x: 4 * dim, stats: 8, dX: 4 * dim }) }],
  layerNormParamsBackward: [
    { along: 'rows', windows: ({ dim }) => ({ dOut: 4 * dim, x: 4 * dim, stats: 8 }), from: added },
  ],
  gelu: [{ along: 'count', windows: () => ({ x: 4, out: 4 }) }],
  geluBackward: [{ along: 'count', windows: () => ({ dOut: 4, x: 4, dX: 4 }) }],
  swiGlu: [{ along: 'count', windows: () => ({ gate: 4, up: 4, out: 4 }) }],
  swiGluBackward: [{ along: 'count', windows: () => ({ dOut: 4, gate: 4, up: 4, dGate: 4, dUp: 4 }) }],
  add: [{ along: 'count', windows: () => ({ a: 4, b: 4, out: 4 }) }],
  accumulate: [{ along: 'count', windows: () => ({ x: 4, target: 4 }) }],
  scale: [{ along: 'count', windows: () => ({ x: 4, out: 4 }) }],
  fill: [{ along: 'count', windows: () => ({ out: 4 }) }],
  dropout: [{ along: 'count', windows: () => ({ x: 4, out: 4 }), from: further }],
  adamw: [{ along: 'count', windows: () => ({ grad: 4, param: 4, m: 4, v: 4 }) }],
  sumRows: [{ along: 'rows', windows: ({ dim }) => ({ x: 4 * dim }), from: added }],
  sum: [{ along: 'count', windows: () => ({ x: 4 }), from: added }],
  sumSquares: [
    {
      along: 'count',
      step: ({ share }) => share,
      windows: () => ({ x: 4 }),
      from: (begin, { share, slot }) => ({ slot: slot + begin / share }),
    },
  ],
  crossEntropy: [{ along: 'rows', windows: ({ vocab }) => ({ labels: 4, logits: 4 * vocab, losses: 4 }) }],
  splitHeads: [
    {
      along: 'batch',
      windows: ({ tokens, heads, kvHeads, dim, capacity }) => {
        const [q, kv] = [headBytes(heads, tokens, dim), headBytes(kvHeads, capacity, dim)]
        return { qkv: headBytes(heads + 2 * kvHeads, tokens, dim), q, k: kv, v: kv }
      },
    },
  ],
  joinHeads: [
    {
      along: 'batch',
      windows: ({ tokens, heads, kvHeads, dim }) => {
        const dQkv = headBytes(heads + 2 * kvHeads, tokens, dim)
        return { dQ: headBytes(heads, tokens, dim), dKv: headBytes(2 * kvHeads, tokens, dim), dQkv }
      },
    },
  ],
  rowsToHeads: [
    {
      along: 'batch',
      windows: ({ tokens, heads, dim, capacity }) => {
        return { x: headBytes(heads, tokens, dim), out: headBytes(heads, capacity, dim) }
      },
    },
  ],
  headsToRows: [
    {
      along: 'batch',
      windows: ({ tokens, heads, held, dim }) => {
        return { x: headBytes(held, tokens, dim), out: headBytes(heads, tokens, dim) }
      },
    },
  ],
  // Samples; alibi is bound whole, for it begins with the slopes.
  attention: [
    { along: 'batch', windows: (p) => ({ ...attended(p), out: rowsOf(p), stats: statsOf(p) }), from: further },
  ],
  attentionBackwardQuery: [
    {
      along: 'batch',
      windows: (p) => ({ ...attended(p), dOut: rowsOf(p), out: rowsOf(p), stats: statsOf(p), dQ: attended(p).q }),
      from: further,
    },
  ],
  attentionBackwardKey: [
    {
      along: 'batch',
      windows: (p) => ({ ...attended(p), dOut: rowsOf(p), stats: statsOf(p), dKv: gradientsOf(p) }),
      from: further,
    },
  ],
}

/** A kernel's cuts without the names of its bindings and parameters, which no loop can use. */
export function cutsOf(name: KernelName): readonly Cut[] {
  return cuts[name] ?? []
}
