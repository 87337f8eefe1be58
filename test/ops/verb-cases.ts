import type { Shape } from '../../src/core/shape.ts'
import { add } from '../../src/ops/add.ts'
import { concat } from '../../src/ops/array/concat.ts'
import { expand } from '../../src/ops/array/expand.ts'
import { reshape } from '../../src/ops/array/reshape.ts'
import { slice } from '../../src/ops/array/slice.ts'
import { mean, sum } from '../../src/ops/array/sum.ts'
import { transpose } from '../../src/ops/array/transpose.ts'
import { frobeniusNorm } from '../../src/ops/frobenius-norm.ts'
import { gather } from '../../src/ops/gather.ts'
import { logSoftmax } from '../../src/ops/log-softmax.ts'
import { mul } from '../../src/ops/mul.ts'
import { fromArray, type Tensor } from '../../src/tensor/tensor.ts'
import { at, doubles, normals, seedDraws, sumOf } from '../device/kernel-case.ts'
import type { OpCase } from './gradient-check.ts'

seedDraws('verb-cases')

type Values = Readonly<Record<string, Float64Array>>

const countOf = (shape: Shape) => shape.reduce((a, b) => a * b, 1)
const input = (shape: Shape) => ({ shape, values: normals(countOf(shape)) })
const part = <T>(parts: Readonly<Record<string, T>>, name: string): T => parts[name] as T

/** Indices along the axes of element e. */
function indices(e: number, shape: Shape): number[] {
  const found: number[] = []
  for (const size of [...shape].reverse()) {
    found.unshift(e % size)
    e = Math.floor(e / size)
  }
  return found
}

/** The element at indices, of which those along axes of size 1, or before the shape's first, do not count. */
function element(values: ArrayLike<number>, shape: Shape, index: readonly number[]): number {
  const own = index.slice(index.length - shape.length)
  return at(
    values,
    own.reduce((e, i, axis) => e * at(shape, axis) + (shape[axis] === 1 ? 0 : i), 0),
  )
}

/** An op on two tensors that are broadcast, by indices. */
function broadcastCases(op: string, apply: (a: Tensor, b: Tensor) => Tensor, f: (a: number, b: number) => number) {
  const shapes: readonly (readonly [a: Shape, b: Shape, out: Shape])[] = [
    [
      [3, 7],
      [3, 7],
      [3, 7],
    ],
    [[2, 3, 5], [5], [2, 3, 5]],
    [
      [2, 3, 5],
      [2, 3, 1],
      [2, 3, 5],
    ],
    [[1], [2, 3], [2, 3]],
    [
      [4, 1, 3],
      [2, 1],
      [4, 2, 3],
    ],
    [
      [2, 1, 3, 1],
      [1, 4, 1, 5],
      [2, 4, 3, 5],
    ],
  ]
  return shapes.map(([a, b, out]): OpCase => {
    return {
      op,
      title: `[${a.join()}] and [${b.join()}]`,
      inputs: { a: input(a), b: input(b) },
      apply: (t) => apply(part(t, 'a'), part(t, 'b')),
      reference: (v) =>
        doubles(countOf(out), (e) => {
          const index = indices(e, out)
          return f(element(part(v, 'a'), a, index), element(part(v, 'b'), b, index))
        }),
    }
  })
}

const xOf = (t: Readonly<Record<string, Tensor>>) => part(t, 'x')
const values = (v: Values) => part(v, 'x')

/** Sums over each axis in turn, and over all. */
const sumCases = ([undefined, 0, 1, -1] as const).flatMap((axis) =>
  [false, true].flatMap((keepDim) =>
    [
      { name: 'sum', apply: sum, share: () => 1 },
      { name: 'mean', apply: mean, share: (count: number) => 1 / count },
    ].map(({ name, apply, share }): OpCase => {
      const shape = [3, 4, 7]
      const along = axis === undefined ? undefined : (axis + 3) % 3
      const kept = shape.map((size, i) => (along === undefined || i === along ? 1 : size))
      const count = 84 / countOf(kept)
      const options = { ...(axis !== undefined && { axis }), keepDim }
      return {
        op: 'sum',
        title: `${name}, axis ${axis ?? 'none'}, keepDim ${keepDim}`,
        inputs: { x: input(shape) },
        apply: (t) => apply(xOf(t), options),
        reference: (v) => {
          const out = new Float64Array(countOf(kept))
          for (let e = 0; e < 84; e++) {
            const index = indices(e, shape)
            const to = kept.reduce((place, size, i) => place * size + (size === 1 ? 0 : at(index, i)), 0)
            out[to] = at(out, to) + at(values(v), e) * share(count)
          }
          return out
        },
      }
    }),
  ),
)

const ids = [2, -100, 4, 4, 0, 5, 1, 3]

/** The verbs that losses and layers of one's own are written in. */
export const verbCases: readonly OpCase[] = [
  ...broadcastCases('mul', mul, (a, b) => a * b),
  ...broadcastCases('add', add, (a, b) => a + b),
  {
    op: 'mul',
    title: 'by itself',
    inputs: { x: input([3, 5]) },
    apply: (t) => mul(xOf(t), xOf(t)),
    reference: (v) => values(v).map((x) => x * x),
  },
  {
    op: 'mul',
    title: 'by a number',
    inputs: { x: input([3, 5]) },
    apply: (t) => mul(xOf(t), -2.5),
    reference: (v) => values(v).map((x) => -2.5 * x),
  },
  {
    op: 'add',
    title: 'a number',
    inputs: { x: input([3, 5]) },
    apply: (t) => add(xOf(t), -2.5),
    reference: (v) => values(v).map((x) => x - 2.5),
  },
  ...sumCases,
  ...[6, 105].map((size): OpCase => {
    return {
      op: 'frobeniusNorm',
      title: `[3,${size}]`,
      inputs: { x: input([3, size]) },
      apply: (t) => frobeniusNorm(xOf(t)),
      reference: (v) => Float64Array.of(Math.hypot(...values(v))),
    }
  }),
  ...[0, 1, -1].map((axis): OpCase => {
    const sizes = [2, 3, 4]
    const along = (axis + 3) % 3
    const [ofA, ofB, out] = [2, 3, 5].map((size) => sizes.map((other, i) => (i === along ? size : other)))
    return {
      ...{ op: 'concat', title: `along axis ${axis}`, inputs: { a: input(ofA ?? []), b: input(ofB ?? []) } },
      apply: (t) => concat(part(t, 'a'), part(t, 'b'), axis),
      reference: (v) =>
        doubles(countOf(out ?? []), (e) => {
          const index = indices(e, out ?? [])
          const behind = index.map((i, k) => (k === along ? i - 2 : i))
          return at(index, along) < 2
            ? element(part(v, 'a'), ofA ?? [], index)
            : element(part(v, 'b'), ofB ?? [], behind)
        }),
    }
  }),
  {
    op: 'expand',
    title: '[3,1,4] to [2,3,5,4]',
    inputs: { x: input([3, 1, 4]) },
    apply: (t) => expand(xOf(t), [2, 3, 5, 4]),
    reference: (v) => doubles(120, (e) => element(values(v), [3, 1, 4], indices(e, [2, 3, 5, 4]))),
  },
  {
    op: 'reshape',
    title: 'what an op made, and what one reads again',
    inputs: { x: input([2, 6]) },
    apply: (t) => {
      const flat = reshape(xOf(t), [3, -1])
      return mul(flat, reshape(logSoftmax(xOf(t)), [3, 4]))
    },
    reference: (v) => logSoftmaxOf(values(v), 6).map((value, e) => value * at(values(v), e)),
  },
  ...[0, 1, 2].map((axis): OpCase => {
    const shape = [3, 4, 5]
    const out = shape.map((size, i) => (i === axis ? 2 : size))
    return {
      op: 'slice',
      title: `axis ${axis}, beside the rest`,
      inputs: { x: input(shape) },
      // Twice, so that the gradient is a total of two that overlap.
      apply: (t) => add(slice(xOf(t), axis, 1, 3), slice(xOf(t), axis - 3, 0, 2)),
      reference: (v) =>
        doubles(countOf(out), (e) => {
          const index = indices(e, out)
          const from = (begin: number) => index.map((i, k) => (k === axis ? i + begin : i))
          return element(values(v), shape, from(1)) + element(values(v), shape, from(0))
        }),
    }
  }),
  ...(
    [
      [0, 1],
      [0, 2],
      [-1, -2],
      [1, 1],
    ] as const
  ).map(([a, b]): OpCase => {
    const shape = [3, 4, 5]
    const swapped = (index: readonly number[]) => {
      const copy = [...index]
      const [i, j] = [(a + 3) % 3, (b + 3) % 3]
      ;[copy[i], copy[j]] = [at(index, j), at(index, i)]
      return copy
    }
    return {
      op: 'transpose',
      title: `axes ${a} and ${b}`,
      inputs: { x: input(shape) },
      apply: (t) => transpose(xOf(t), a, b),
      reference: (v) => doubles(60, (e) => element(values(v), shape, swapped(indices(e, swapped(shape))))),
    }
  }),
  {
    op: 'gather',
    title: 'places used once, twice and never, and some that there are not',
    inputs: { x: input([2, 2, 5]) },
    apply: (t, device) => gather(xOf(t), fromArray(device, Int32Array.from(ids), [2, 2, 2], 'ids')),
    reference: (v) =>
      doubles(8, (e) => {
        const id = at(ids, e)
        return id >= 0 && id < 5 ? at(values(v), Math.floor(e / 2) * 5 + id) : 0
      }),
  },
  {
    op: 'logSoftmax',
    title: 'rows far from 0',
    inputs: { x: { shape: [2, 3, 13], values: normals(78, 3).map((x, i) => x + 40 * (i % 2)) } },
    apply: (t) => logSoftmax(xOf(t)),
    reference: (v) => logSoftmaxOf(values(v), 13),
  },
]

function logSoftmaxOf(x: Float64Array, dim: number): Float64Array {
  return x.map((value, e) => {
    const row = x.subarray(e - (e % dim), e - (e % dim) + dim)
    const largest = Math.max(...row)
    return value - largest - Math.log(sumOf(dim, (i) => Math.exp(at(row, i) - largest)))
  })
}
