import type { Device } from '../../src/device/device.ts'
import { attention } from '../../src/ops/attention.ts'
import { Visibility } from '../../src/ops/visibility.ts'
import { visibleKeys } from '../../src/ops/visible-keys.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { at, doubles, normals, sumOf } from '../device/kernel-case.ts'
import type { OpCase } from './gradient-check.ts'

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

/** Attention by its definition; every key whose bias is finite and that is not behind the query is seen. */
function attend(places: Places, bias: ArrayLike<number>, angles: Float32Array | null, s: Sizes): Float64Array {
  const { batch, tokens, heads, kvHeads, dim } = s
  const [q, k] = [turned(places.q, angles, dim), turned(places.k, angles, dim)]
  return doubles(batch * tokens * heads * dim, (e) => {
    const [c, h] = [e % dim, Math.floor(e / dim) % heads]
    const [t, b] = [Math.floor(e / (dim * heads)) % tokens, Math.floor(e / (dim * heads * tokens))]
    const kv = Math.floor(h / (heads / kvHeads))
    const weights = doubles(t + 1, (key) => {
      const dot = sumOf(dim, (i) => q(b, t, h, i) * k(b, key, kv, i))
      return Math.exp(dot / Math.sqrt(dim) + at(bias, (b * heads + h) * tokens + key))
    })
    const total = sumOf(t + 1, (key) => at(weights, key))
    return total === 0 ? 0 : sumOf(t + 1, (key) => at(weights, key) * places.v(b, key, kv, c)) / total
  })
}

const kinds = [
  { title: 'a key head for each query head', heads: 3, kvHeads: 3, dim: 4 },
  { title: 'grouped heads', heads: 4, kvHeads: 2, dim: 4 },
  { title: 'one key head for all', heads: 3, kvHeads: 1, dim: 6 },
]

/** Fused rows and rows apart, with and without rotary positions. */
export const attentionCases: OpCase[] = kinds.flatMap(({ title, ...shape }) =>
  [
    { isFused: true, isRotary: false },
    { isFused: true, isRotary: true },
    { isFused: false, isRotary: true },
  ].map(({ isFused, isRotary }) => {
    const [batch, tokens] = [2, 4]
    const { heads, kvHeads, dim } = shape
    const sizes = { ...shape, batch, tokens }
    // Multiples of 1/8 below 2 times positions: bfloat16 holds the products. Row 1 is padded by two tokens: its first two
    // queries see nothing at all.
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
      const rows = Float32Array.from({ length: tokens * dim }, (_, i) => {
        const angle = at(angles, (Math.floor(i / dim) * dim) / 2 + (i % (dim / 2)))
        return i % dim < dim / 2 ? Math.cos(angle) : Math.sin(angle)
      })
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
      reference: (v: Values) => attend(isFused ? fused(part(v, 'qkv'), sizes) : apart(v, sizes), bias, angles, sizes),
    }
  }),
)
