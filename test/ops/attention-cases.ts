import type { Device } from '../../src/device/device.ts'
import { attention } from '../../src/ops/attention.ts'
import { Visibility } from '../../src/ops/visibility.ts'
import { visibleKeys } from '../../src/ops/visible-keys.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { at, doubles, normals, seedDraws, sumOf } from '../device/kernel-case.ts'
import type { OpCase } from './gradient-check.ts'

seedDraws('attention-cases')

type Values = Readonly<Record<string, Float64Array>>
type Sizes = Readonly<Record<'batch' | 'tokens' | 'heads' | 'kvHeads' | 'dim', number>>

const part = <T>(parts: Readonly<Record<string, T>>, name: string): T => parts[name] as T
const input = (shape: readonly number[]) => ({ shape, values: normals(shape.reduce((a, b) => a * b, 1)) })

/** Projections by index: of a sample's token, the channel of a head. */
interface Places {
  readonly q: (b: number, t: number, head: number, c: number) => number
  readonly k: (b: number, t: number, kvHead: number, c: number) => number
  readonly v: (b: number, t: number, kvHead: number, c: number) => number
}

/** Of rows that go group by group as Falcon fuses them. */
function fused(qkv: Float64Array, { tokens, heads, kvHeads, dim }: Sizes): Places {
  const group = heads / kvHeads
  const place = (b: number, t: number, kv: number, slot: number, c: number) =>
    at(qkv, (((b * tokens + t) * kvHeads + kv) * (group + 2) + slot) * dim + c)
  return {
    q: (b, t, head, c) => place(b, t, Math.floor(head / group), head % group, c),
    k: (b, t, kv, c) => place(b, t, kv, group, c),
    v: (b, t, kv, c) => place(b, t, kv, group + 1, c),
  }
}

/** Of rows apart. */
function apart(v: Values, { tokens, heads, kvHeads, dim }: Sizes): Places {
  const place = (name: string, count: number) => (b: number, t: number, head: number, c: number) =>
    at(part(v, name), ((b * tokens + t) * count + head) * dim + c)
  return { q: place('q', heads), k: place('k', kvHeads), v: place('v', kvHeads) }
}

/** Channels turned as rotate_half of transformers does, by angles [tokens, dim/2]. */
function turned(place: Places['q'], angles: Float32Array | null, dim: number): Places['q'] {
  if (angles === null) return place
  const half = dim / 2
  return (b, t, head, c) => {
    const angle = at(angles, t * half + (c % half))
    const other = c < half ? -place(b, t, head, c + half) : place(b, t, head, c - half)
    return place(b, t, head, c) * Math.cos(angle) + other * Math.sin(angle)
  }
}

/** What attention sees beside its rows. */
interface Told {
  /** [b, heads, p + tokens] of each key, -Infinity where it is hidden from all. */
  readonly bias: ArrayLike<number>
  /** [tokens, dim/2], or null. */
  readonly angles: Float32Array | null
  /** Keys and values that stand before the rows'. */
  readonly prefix?: { readonly tokens: number; readonly k: Places['k']; readonly v: Places['v'] }
}

/** Attention by its definition; every key whose bias is finite and that is not behind the query is seen. */
function attend(places: Places, { bias, angles, prefix }: Told, s: Sizes): Float64Array {
  const { batch, tokens, heads, kvHeads, dim } = s
  const past = prefix?.tokens ?? 0
  const [q, ownK] = [turned(places.q, angles, dim), turned(places.k, angles, dim)]
  const k: Places['k'] = (b, key, kv, c) =>
    prefix && key < past ? prefix.k(b, key, kv, c) : ownK(b, key - past, kv, c)
  const v: Places['v'] = (b, key, kv, c) =>
    prefix && key < past ? prefix.v(b, key, kv, c) : places.v(b, key - past, kv, c)
  return doubles(batch * tokens * heads * dim, (e) => {
    const [c, h] = [e % dim, Math.floor(e / dim) % heads]
    const [t, b] = [Math.floor(e / (dim * heads)) % tokens, Math.floor(e / (dim * heads * tokens))]
    const kv = Math.floor(h / (heads / kvHeads))
    const weights = doubles(past + t + 1, (key) => {
      const dot = sumOf(dim, (i) => q(b, t, h, i) * k(b, key, kv, i))
      return Math.exp(dot / Math.sqrt(dim) + at(bias, (b * heads + h) * (past + tokens) + key))
    })
    const total = sumOf(weights.length, (key) => at(weights, key))
    return total === 0 ? 0 : sumOf(weights.length, (key) => at(weights, key) * v(b, key, kv, c)) / total
  })
}

const kinds = [
  { title: 'a key head for each query head', heads: 3, kvHeads: 3, dim: 4 },
  { title: 'grouped heads', heads: 4, kvHeads: 2, dim: 4 },
  { title: 'one key head for all', heads: 3, kvHeads: 1, dim: 6 },
]

/** Fused rows and rows apart, with and without rotary positions. */
const maskedCases: OpCase[] = kinds.flatMap(({ title, ...shape }) =>
  [
    { isFused: true, isRotary: false },
    { isFused: true, isRotary: true },
    { isFused: false, isRotary: true },
  ].map(({ isFused, isRotary }) => {
    const [batch, tokens] = [2, 4]
    const { heads, kvHeads, dim } = shape
    const sizes = { ...shape, batch, tokens }
    // Multiples of 1/8 below 2 times positions: bfloat16 holds the products. Row 1 is padded by two tokens: its first
    // two queries see nothing at all.
    const slopes = Float32Array.from({ length: heads }, (_, head) => (3 + 5 * head) / 8)
    const positions = Float32Array.of(0, 1, 2, 3, 0, 0, 0, 1)
    const mask = Uint8Array.of(1, 1, 1, 1, 0, 0, 1, 1)
    const bias = doubles(batch * heads * tokens, (e) => {
      const [b, h, key] = [Math.floor(e / tokens / heads), Math.floor(e / tokens) % heads, e % tokens]
      const seen = at(mask, tokens * b + key)
      return seen === 0 ? -Infinity : 0.5 * at(slopes, h) * at(positions, tokens * b + key)
    })
    const angles = isRotary ? normals((tokens * dim) / 2) : null
    const toldOn = (device: Device) => {
      const visible = visibleKeys(device, Visibility.causal(batch, tokens).masked(mask), { slopes, positions })
      if (angles === null) return { visible }
      const rows = rotaryRows(angles, dim)
      return { visible, rotary: fromArray(device, rows, [rows.length], 'rotary') }
    }
    return {
      op: 'attention',
      title: `${title}, masked keys${isRotary ? ', rotary' : ''}${isFused ? '' : ', rows apart'}`,
      inputs: isFused
        ? { qkv: input([batch, tokens, (heads + 2 * kvHeads) * dim]) }
        : {
            q: input([batch, tokens, heads * dim]),
            k: input([batch, tokens, kvHeads * dim]),
            v: input([batch, tokens, kvHeads * dim]),
          },
      apply: (t: Readonly<Record<string, Tensor>>, device: Device) => {
        const rows = isFused ? part(t, 'qkv') : { q: part(t, 'q'), k: part(t, 'k'), v: part(t, 'v') }
        return attention(rows, { ...shape, alibiScale: 0.5 }, toldOn(device))
      },
      reference: (v: Values) =>
        attend(isFused ? fused(part(v, 'qkv'), sizes) : apart(v, sizes), { bias, angles }, sizes),
    }
  }),
)

/** Cosines, then sines, of angles [tokens, dim/2]. */
function rotaryRows(angles: Float32Array, dim: number): Float32Array {
  return Float32Array.from({ length: 2 * angles.length }, (_, i) => {
    const angle = at(angles, (Math.floor(i / dim) * dim) / 2 + (i % (dim / 2)))
    return i % dim < dim / 2 ? Math.cos(angle) : Math.sin(angle)
  })
}

/** Keys and values before the tokens' own: for each row of the batch, or the same for all. */
const prefixCases: OpCase[] = [
  { isFused: true, isRotary: false, rows: 2 },
  { isFused: true, isRotary: true, rows: 1 },
  { isFused: false, isRotary: true, rows: 2 },
  { isFused: false, isRotary: false, rows: 1 },
].map(({ isFused, isRotary, rows }) => {
  const [batch, tokens, past] = [2, 4, 3]
  const shape = { heads: 4, kvHeads: 2, dim: 4 }
  const { heads, kvHeads, dim } = shape
  const sizes = { ...shape, batch, tokens }
  const angles = isRotary ? normals((tokens * dim) / 2) : null
  const bias = new Float64Array(batch * heads * (past + tokens))
  const width = kvHeads * dim
  const placeOf = (values: Float64Array) => (b: number, key: number, kv: number, c: number) =>
    at(values, (((rows === 1 ? 0 : b) * past + key) * kvHeads + kv) * dim + c)
  return {
    op: 'attention',
    title: `a prefix${rows === 1 ? ' for all rows' : ''}${isRotary ? ', rotary' : ''}${isFused ? '' : ', rows apart'}`,
    inputs: {
      ...(isFused
        ? { qkv: input([batch, tokens, (heads + 2 * kvHeads) * dim]) }
        : {
            q: input([batch, tokens, heads * dim]),
            k: input([batch, tokens, width]),
            v: input([batch, tokens, width]),
          }),
      prefixK: input([rows, past, width]),
      prefixV: input([rows, past, width]),
    },
    apply: (t: Readonly<Record<string, Tensor>>, device: Device) => {
      const given = isFused ? part(t, 'qkv') : { q: part(t, 'q'), k: part(t, 'k'), v: part(t, 'v') }
      const prefix = { k: part(t, 'prefixK'), v: part(t, 'prefixV') }
      const rotary = angles && fromArray(device, rotaryRows(angles, dim), [tokens * dim], 'rotary')
      return attention(given, shape, { prefix, rotary })
    },
    reference: (v: Values) => {
      const prefix = { tokens: past, k: placeOf(part(v, 'prefixK')), v: placeOf(part(v, 'prefixV')) }
      return attend(isFused ? fused(part(v, 'qkv'), sizes) : apart(v, sizes), { bias, angles, prefix }, sizes)
    },
  }
})

export const attentionCases: OpCase[] = [...maskedCases, ...prefixCases]
