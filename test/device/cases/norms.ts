import { at, doubles, junk, type KernelCase, kernelCase, normals, seedDraws, sumOf } from '../kernel-case.ts'

seedDraws('norms')

const shapes = [
  [1, 1],
  [3, 5],
  [9, 64],
  [18, 131],
  [301, 34],
  [5, 100],
] as const

/** Layer norm or, with isRms, RMS norm, in doubles. */
const perShape = (rows: number, dim: number, isRms: number): KernelCase[] => {
  const eps = Math.fround(1e-5)
  // Gemma's weights lack 1.
  const shift = rows % 2
  const x = normals(rows * dim).map((value) => 2 * value + 5)
  const [weight, bias, dOut] = [normals(dim), normals(dim), normals(rows * dim)]
  const means = doubles(rows, (r) => (isRms ? 0 : sumOf(dim, (c) => at(x, r * dim + c)) / dim))
  const rstds = doubles(rows, (r) => {
    return 1 / Math.sqrt(sumOf(dim, (c) => (at(x, r * dim + c) - at(means, r)) ** 2) / dim + eps)
  })
  const stats = doubles(2 * rows, (i) => at(i % 2 ? rstds : means, i >> 1))
  const read = Float32Array.from(stats)
  const xHat = (r: number, c: number) => (at(x, r * dim + c) - at(means, r)) * at(rstds, r)
  const g = (r: number, c: number) => at(dOut, r * dim + c) * (at(weight, c) + shift)
  const title = `${rows}x${dim}${isRms ? ' by the root mean square' : ''}`
  const before = junk(rows * dim)
  const backward = [
    ...[0, 1].map((accumulate) =>
      kernelCase('layerNormBackward', `${title} accumulate ${accumulate}`, {
        reads: { dOut, x, weight, stats: read },
        writes: { dX: before },
        params: { rows, dim, isRms, accumulate, shift },
        expected: {
          dX: doubles(rows * dim, (e) => {
            const [r, c] = [Math.floor(e / dim), e % dim]
            const mean = isRms ? 0 : sumOf(dim, (i) => g(r, i)) / dim
            const projection = sumOf(dim, (i) => g(r, i) * xHat(r, i)) / dim
            return (accumulate ? at(before, e) : 0) + at(rstds, r) * (g(r, c) - mean - xHat(r, c) * projection)
          }),
        },
      }),
    ),
    ...[0, 1].map((accumulate) => {
      const [dWeight, dBias] = [junk(dim), junk(dim)]
      return kernelCase('layerNormParamsBackward', `${title} accumulate ${accumulate}`, {
        reads: { dOut, x, stats: read },
        writes: { dWeight, dBias },
        params: { rows, dim, accumulate },
        expected: {
          dWeight: doubles(dim, (c) => {
            return accumulate * at(dWeight, c) + sumOf(rows, (r) => at(dOut, r * dim + c) * xHat(r, c))
          }),
          dBias: doubles(dim, (c) => accumulate * at(dBias, c) + sumOf(rows, (r) => at(dOut, r * dim + c))),
        },
      })
    }),
  ]
  const out = doubles(rows * dim, (e) => {
    const [r, c] = [Math.floor(e / dim), e % dim]
    return xHat(r, c) * (at(weight, c) + shift) + (isRms ? 0 : at(bias, c))
  })
  const forward = [
    kernelCase('layerNorm', title, {
      reads: { x, weight, bias: isRms ? null : bias },
      writes: { out: junk(rows * dim), stats: junk(2 * rows) },
      params: { rows, dim, isRms, eps, shift },
      expected: { out, stats },
    }),
    kernelCase('addLayerNorm', title, {
      // The two add up to x again, but for a rounding.
      reads: {
        x: x.map((value) => 0.25 * value),
        r: x.map((value) => 0.75 * value),
        weight,
        bias: isRms ? null : bias,
      },
      writes: { y: junk(rows * dim), out: junk(rows * dim), stats: junk(2 * rows) },
      params: { rows, dim, isRms, eps, shift },
      expected: { y: x, out, stats },
    }),
  ]
  // With one column the slope is 0 times 1 / sqrt(eps): all that is left is rounding.
  return dim === 1 ? forward : [...forward, ...backward]
}

export const normCases: KernelCase[] = shapes.flatMap(([rows, dim]) =>
  [0, 1].flatMap((isRms) => perShape(rows, dim, isRms)),
)
