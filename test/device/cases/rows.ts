import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../../src/core/float16.ts'
import { at, doubles, integers, junk, type KernelCase, kernelCase, normals, seedDraws, sumOf } from '../kernel-case.ts'

seedDraws('rows')

const shapes = [
  [1, 1],
  [3, 5],
  [9, 64],
  [18, 131],
  [301, 34],
  [5, 100],
] as const

const unscaled = { absmax: null, nested: null, tables: null }
const plain = (dim: number) => ({ blockSize: dim, scaling: 0, nestedCount: 0 })

const tableCases = shapes.flatMap(([rows, dim]) => {
  const vocab = 13
  const ids = integers(rows, vocab)
  const [table, dOut, before] = [normals(vocab * dim), normals(rows * dim), junk(vocab * dim)]
  const [halves, brains] = [f32ToF16(table), f32ToBf16(table)]
  const rowsBefore = junk(rows * dim)
  const gradient = (accumulate: number) =>
    doubles(vocab * dim, (e) => {
      const start = accumulate ? at(before, e) : 0
      return start + sumOf(rows, (row) => (at(ids, row) === Math.floor(e / dim) ? at(dOut, row * dim + (e % dim)) : 0))
    })
  return [
    ...[
      { title: 'f32', bits: 32, isBf16: 0, codes: table, values: table },
      { title: 'f16', bits: 16, isBf16: 0, codes: halves, values: f16ToF32(halves) },
      { title: 'bf16', bits: 16, isBf16: 1, codes: brains, values: bf16ToF32(brains) },
    ].map(({ title, bits, isBf16, codes, values }) =>
      kernelCase('embedding', `${rows}x${dim} of ${title}`, {
        reads: { ids, ...unscaled, codes },
        writes: { out: junk(rows * dim) },
        params: { rows, dim, first: 0, vocab, ...plain(dim), bits, isBf16 },
        expected: { out: doubles(rows * dim, (e) => at(values, at(ids, Math.floor(e / dim)) * dim + (e % dim))) },
        tolerance: 0,
      }),
    ),
    kernelCase('embedding', `${rows}x${dim}, rows 4 to 8 of the table alone`, {
      reads: { ids, ...unscaled, codes: table.slice(4 * dim, 9 * dim) },
      writes: { out: rowsBefore },
      params: { rows, dim, first: 4, vocab: 5, ...plain(dim), bits: 32, isBf16: 0 },
      expected: {
        out: doubles(rows * dim, (e) => {
          const id = at(ids, Math.floor(e / dim))
          return id >= 4 && id < 9 ? at(table, id * dim + (e % dim)) : at(rowsBefore, e)
        }),
      },
      tolerance: 0,
    }),
    ...[0, 1].map((accumulate) =>
      kernelCase('embeddingBackward', `${rows}x${dim} accumulate ${accumulate}`, {
        reads: { ids, dOut },
        writes: { dTable: before },
        params: { rows, dim, first: 0, vocab, accumulate },
        expected: { dTable: gradient(accumulate) },
      }),
    ),
    ...[0, 1].map((accumulate) =>
      kernelCase('embeddingBackward', `${rows}x${dim} accumulate ${accumulate}, rows 4 to 8 of the table alone`, {
        reads: { ids, dOut },
        writes: { dTable: before.slice(4 * dim, 9 * dim) },
        params: { rows, dim, first: 4, vocab: 5, accumulate },
        expected: { dTable: gradient(accumulate).slice(4 * dim, 9 * dim) },
      }),
    ),
  ]
})

const sumCases = shapes.flatMap(([rows, dim]) => {
  // Not around 0: the error of a sum that cancels would be measured against what is left.
  const x = normals(rows * dim).map((value) => value + 1)
  const count = rows * dim
  const [columns, one] = [junk(dim), junk(1)]
  const sums = [0, 1].flatMap((accumulate) => [
    kernelCase('sumRows', `${rows}x${dim} accumulate ${accumulate}`, {
      reads: { x },
      writes: { out: columns },
      params: { rows, dim, accumulate },
      expected: {
        out: doubles(dim, (c) => accumulate * at(columns, c) + sumOf(rows, (r) => at(x, r * dim + c))),
      },
    }),
    kernelCase('sum', `${count} accumulate ${accumulate}`, {
      reads: { x },
      writes: { out: one },
      params: { count, accumulate, alpha: 0.5 },
      expected: { out: [accumulate * at(one, 0) + 0.5 * sumOf(count, (i) => at(x, i))] },
    }),
  ])
  const squares = [4, 64, 16384].map((share) => {
    const shares = Math.ceil(count / share)
    const out = junk(shares + 3)
    const sumOfShare = (s: number) => sumOf(Math.min(share, count - s * share), (e) => at(x, s * share + e) ** 2)
    return kernelCase('sumSquares', `${count} in shares of ${share}`, {
      reads: { x },
      writes: { out },
      params: { count, share, slot: 2 },
      expected: { out: doubles(shares + 3, (i) => (i < 2 || i === shares + 2 ? at(out, i) : sumOfShare(i - 2))) },
    })
  })
  return [...sums, ...squares]
})

const lossCases = [...shapes, [3, 4100] as const].flatMap(([rows, vocab], i) =>
  [0, 1].map((writeGrad) => {
    const smoothing = i % 2 === 0 ? 0 : 0.15
    const logits = normals(rows * vocab, 3)
    const labels = Int32Array.from(integers(rows, vocab), (label, row) => (row % 4 === 2 ? -100 : label))
    const gradScale = 0.125
    const logSums = doubles(rows, (r) => {
      const row = logits.subarray(r * vocab, (r + 1) * vocab)
      const top = row.reduce((a, b) => Math.max(a, b))
      return top + Math.log(sumOf(vocab, (c) => Math.exp(at(row, c) - top)))
    })
    const wantedAt = (r: number, c: number) => (c === at(labels, r) ? 1 - smoothing : 0) + smoothing / vocab
    const picked = (r: number) => sumOf(vocab, (c) => wantedAt(r, c) * at(logits, r * vocab + c))
    const gradient = doubles(rows * vocab, (e) => {
      const [r, c] = [Math.floor(e / vocab), e % vocab]
      if (at(labels, r) < 0) return 0
      return gradScale * (Math.exp(at(logits, e) - at(logSums, r)) - wantedAt(r, c))
    })
    return kernelCase('crossEntropy', `${rows}x${vocab} writeGrad ${writeGrad} smoothing ${smoothing}`, {
      reads: { labels },
      writes: { logits, losses: junk(rows) },
      params: { rows, vocab, writeGrad, gradScale, smoothing },
      expected: {
        losses: doubles(rows, (r) => (at(labels, r) < 0 ? 0 : at(logSums, r) - picked(r))),
        logits: writeGrad ? gradient : logits,
      },
    })
  }),
)

/** Labels that are the likeliest, some of them with others as likely before or behind them. */
const hitCases = shapes.map(([rows, vocab]) => {
  const logits = normals(rows * vocab).map((x) => Math.round(2 * x))
  const largest = (r: number) => {
    const row = logits.subarray(r * vocab, (r + 1) * vocab)
    return row.indexOf(Math.max(...row))
  }
  const labels = integers(rows, vocab).map((label, r) => (r % 5 === 4 ? -100 : r % 2 === 0 ? largest(r) : label))
  return kernelCase('labelHits', `${rows}x${vocab}`, {
    reads: { labels, logits },
    writes: { hits: junk(rows) },
    params: { rows, vocab },
    expected: { hits: doubles(rows, (r) => +(largest(r) === at(labels, r))) },
  })
})

const clipCases = [7, 131].flatMap((count) =>
  [0, 0.7, 100].map((maxNorm) => {
    const squares = normals(count).map((x) => x * x)
    const norm = Math.sqrt(squares.reduce((a, b) => a + b, 0))
    return kernelCase('clipFactor', `${count} squares, maxNorm ${maxNorm}`, {
      reads: { squares },
      writes: { clip: junk(2) },
      params: { count, maxNorm },
      expected: { clip: [maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1, norm] },
    })
  }),
)

const shrinkCases = shapes.map(([rows, dim]) => {
  const x = normals(rows * dim)
  const norms = doubles(rows, (row) => Math.hypot(...x.subarray(row * dim, (row + 1) * dim)))
  // About half of the rows are above it.
  const most = Math.fround(Math.sqrt(dim))
  return kernelCase('shrinkRows', `${rows}x${dim}`, {
    reads: {},
    writes: { x },
    params: { rows, dim, most },
    expected: { x: doubles(rows * dim, (e) => at(x, e) * Math.min(1, most / at(norms, Math.floor(e / dim)))) },
  })
})

export const rowCases: KernelCase[] = [
  ...tableCases,
  ...sumCases,
  ...lossCases,
  ...hitCases,
  ...clipCases,
  ...shrinkCases,
]
