import { at, doubles, integers, junk, type KernelCase, kernelCase, normals, seedDraws, sumOf } from '../kernel-case.ts'

seedDraws('verbs')

type Four = readonly [number, number, number, number]

/** Arrays of four axes, and how far apart elements lie along them. */
const arrays: readonly { readonly title: string; readonly d: Four; readonly s: Four; readonly t: Four }[] = [
  { title: 'one element', d: [1, 1, 1, 1], s: [0, 0, 0, 1], t: [0, 0, 0, 1] },
  { title: 'a row by one number', d: [1, 1, 1, 1030], s: [0, 0, 0, 1], t: [0, 0, 0, 0] },
  { title: 'rows by a row', d: [1, 1, 19, 33], s: [0, 0, 33, 1], t: [0, 0, 0, 1] },
  { title: 'rows by a column', d: [1, 1, 33, 19], s: [0, 0, 19, 1], t: [0, 0, 1, 0] },
  { title: 'axes exchanged', d: [3, 5, 7, 2], s: [70, 2, 10, 1], t: [1, 3, 15, 105] },
  { title: 'every other', d: [2, 3, 4, 5], s: [240, 80, 20, 2], t: [60, 0, 5, 1] },
]

/** Where an element lies. */
function placeOf(e: number, [, d1, d2, d3]: Four, [s0, s1, s2, s3]: Four): number {
  const [i3, i2] = [e % d3, Math.floor(e / d3) % d2]
  const [i1, i0] = [Math.floor(e / d3 / d2) % d1, Math.floor(e / d3 / d2 / d1)]
  return s0 * i0 + s1 * i1 + s2 * i2 + s3 * i3
}

const arrayCases = arrays.flatMap(({ title, d, s, t }) => {
  const count = d[0] * d[1] * d[2] * d[3]
  const [, d1, d2, d3] = d
  const span = (strides: Four) => placeOf(count - 1, d, strides) + 1
  const [a, b] = [normals(span(s)), normals(span(t))]
  // Where two elements have one place, who is last there is not said.
  const isOneToOne = d.every((size, axis) => size === 1 || t[axis] !== 0)
  const moved = [0, 1].flatMap((accumulate) => {
    const [x, out] = [normals(span(s) + 2), junk(span(t) + 3)]
    const expected = Float64Array.from(out)
    for (let e = 0; e < count; e++) {
      const to = 3 + placeOf(e, d, t)
      expected[to] = (accumulate === 1 ? at(expected, to) : 0) + at(x, 2 + placeOf(e, d, s))
    }
    if (!isOneToOne) return []
    return kernelCase('copyStrided', `${title}, accumulate ${accumulate}`, {
      reads: { x },
      writes: { out },
      params: {
        ...{ count, d1, d2, d3, x0: s[0], x1: s[1], x2: s[2], x3: s[3], xFirst: 2 },
        ...{ o0: t[0], o1: t[1], o2: t[2], o3: t[3], outFirst: 3, accumulate },
      },
      expected: { out: expected },
      tolerance: accumulate === 1 ? 1e-6 : 0,
    })
  })
  return [
    ...moved,
    kernelCase('copyStrided', `${title}, in order`, {
      reads: { x: b },
      writes: { out: junk(count) },
      params: {
        ...{ count, d1, d2, d3, x0: t[0], x1: t[1], x2: t[2], x3: t[3], xFirst: 0 },
        ...{ o0: d1 * d2 * d3, o1: d2 * d3, o2: d3, o3: 1, outFirst: 0, accumulate: 0 },
      },
      expected: { out: doubles(count, (e) => at(b, placeOf(e, d, t))) },
      tolerance: 0,
    }),
    kernelCase('mul', title, {
      reads: { a, b },
      writes: { out: junk(count) },
      params: {
        ...{ count, d1, d2, d3, a0: s[0], a1: s[1], a2: s[2], a3: s[3] },
        ...{ b0: t[0], b1: t[1], b2: t[2], b3: t[3] },
      },
      expected: { out: doubles(count, (e) => at(a, placeOf(e, d, s)) * at(b, placeOf(e, d, t))) },
      tolerance: 1e-6,
    }),
  ]
})

const sumCases = [
  [1, 1, 1],
  [1, 1030, 1],
  [18, 131, 1],
  [300, 3, 1],
  [3, 5, 7],
  [1, 67, 66],
  [70, 2, 3],
].map(([outer = 0, axis = 0, inner = 0]) => {
  const x = normals(outer * axis * inner).map((value) => value + 1)
  const sum = (e: number) => sumOf(axis, (k) => at(x, (Math.floor(e / inner) * axis + k) * inner + (e % inner)))
  return kernelCase('sumAxis', `${outer}x${axis}x${inner}`, {
    reads: { x },
    writes: { out: junk(outer * inner) },
    params: { outer, axis, inner },
    expected: { out: doubles(outer * inner, sum) },
    tolerance: 2e-6,
  })
})

const rowCases = [
  [1, 1, 1],
  [3, 5, 1],
  [9, 64, 4],
  [18, 131, 3],
  [5, 3, 40],
  [301, 34, 3],
].flatMap(([rows = 0, dim = 0, picks = 0]) => {
  // Some ids are no column: an ignored label's, and one that is too large.
  const ids = Int32Array.from(integers(rows * picks, dim), (id, i) => (i % 5 === 3 ? -100 : i % 7 === 5 ? dim : id))
  const [x, dOut] = [normals(rows * dim, 3), normals(rows * picks)]
  const idOf = (row: number, j: number) => at(ids, row * picks + j)
  const title = `${rows}x${dim}, ${picks} a row`
  const logSum = (row: number) => {
    const largest = Math.max(...x.subarray(row * dim, (row + 1) * dim))
    return largest + Math.log(sumOf(dim, (c) => Math.exp(at(x, row * dim + c) - largest)))
  }
  const [dRows, out] = [normals(rows * dim), doubles(rows * dim, (e) => at(x, e) - logSum(Math.floor(e / dim)))]
  const given = Float32Array.from(out)
  return [
    kernelCase('gather', title, {
      reads: { ids, x },
      writes: { out: junk(rows * picks) },
      params: { rows, dim, picks },
      expected: {
        out: doubles(rows * picks, (e) => {
          const [row, id] = [Math.floor(e / picks), at(ids, e)]
          return id >= 0 && id < dim ? at(x, row * dim + id) : 0
        }),
      },
      tolerance: 0,
    }),
    kernelCase('gatherBackward', title, {
      reads: { ids, dOut },
      writes: { dX: junk(rows * dim) },
      params: { rows, dim, picks },
      expected: {
        dX: doubles(rows * dim, (e) => {
          const row = Math.floor(e / dim)
          return sumOf(picks, (j) => (idOf(row, j) === e % dim ? at(dOut, row * picks + j) : 0))
        }),
      },
      tolerance: 2e-6,
    }),
    kernelCase('logSoftmax', title, {
      reads: { x },
      writes: { out: junk(rows * dim) },
      params: { rows, dim },
      expected: { out },
      tolerance: 1e-6,
    }),
    kernelCase('logSoftmaxBackward', title, {
      reads: { dOut: dRows, out: given },
      writes: { dX: junk(rows * dim) },
      params: { rows, dim },
      expected: {
        dX: doubles(rows * dim, (e) => {
          const row = Math.floor(e / dim)
          return at(dRows, e) - Math.exp(at(given, e)) * sumOf(dim, (c) => at(dRows, row * dim + c))
        }),
      },
      tolerance: 2e-6,
    }),
  ]
})

/** Cases of the kernels that verbs are made of. */
export const verbCases: KernelCase[] = [...arrayCases, ...sumCases, ...rowCases]
