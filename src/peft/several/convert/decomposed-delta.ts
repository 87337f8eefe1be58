import { firstColumns, firstRows } from '../../../core/linear-algebra/dense-matrix.ts'
import { linearMap } from '../../../core/linear-algebra/linear-map.ts'
import type { Svd } from '../../../core/linear-algebra/thin-svd.ts'
import { truncatedSvd } from '../../../core/linear-algebra/truncated-svd.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import type { AdaptedLinear } from '../../layers/adapted-linear.ts'
import { lowRankOf } from '../combine/low-rank.ts'

/** An update by the factors of a rank: A = Vᵀ, B = U S. */
export interface DecomposedDelta {
  readonly rank: number
  readonly a: Float32Array
  readonly b: Float32Array
  /** What the adapter adds to the layer's bias, [out]; none where the layer has no bias. */
  readonly bias: Float32Array
  readonly norm: number
  readonly survived: number
}

/** The update of an adapter at a layer, by a rank or by as many singular values as hold a share of its energy. */
export async function decomposedDelta(
  layer: AdaptedLinear,
  name: string,
  by: { readonly rank: number } | { readonly energy: number },
): Promise<DecomposedDelta> {
  const { inFeatures: columns, outFeatures: rows } = layer
  const delta = await readAndFree(layer, () => layer.deltaWeight(name))
  const energy = delta.reduce((sum, value) => sum + value * value, 0)
  const svd =
    'rank' in by ? svdOf(delta, rows, columns, by.rank) : svdOfEnergy(delta, rows, columns, by.energy * energy)
  const { rank, a, b } = lowRankOf(svd)
  const kept = svd.s.reduce((sum, value) => sum + value * value, 0)
  const bias = await biasOf(layer, name)
  return { rank, a, b, bias, norm: Math.sqrt(energy), survived: energy === 0 ? 1 : Math.min(1, kept / energy) }
}

function svdOf(values: Float32Array, rows: number, columns: number, count: number): Svd {
  return truncatedSvd(linearMap(values, rows, columns), count)
}

/** As many singular values as it takes for their squares to add up to an energy, at least one. */
function svdOfEnergy(values: Float32Array, rows: number, columns: number, energy: number): Svd {
  const size = Math.min(rows, columns)
  for (let count = Math.min(16, size); ; count = Math.min(4 * count, size)) {
    const svd = svdOf(values, rows, columns, count)
    let [sum, rank] = [0, 0]
    // What is below the resolution of the f32 elements is not asked for.
    while (rank < count && (rank === 0 || sum < energy * (1 - 2 ** -24))) sum += (svd.s[rank++] as number) ** 2
    if (sum < energy * (1 - 2 ** -24) && count < size) continue
    return { u: firstColumns(svd.u, rank), s: svd.s.slice(0, rank), vt: firstRows(svd.vt, rank) }
  }
}

async function biasOf(layer: AdaptedLinear, name: string): Promise<Float32Array> {
  const { base } = layer
  const before = base.weights.bias
  if (before === null) return new Float32Array(layer.outFeatures)
  const part = layer.adapter(name)
  let isSame = false
  const after = await readAndFree(layer, () => {
    const bias = part.mergeBias(before, base)
    isSame = bias === before
    return bias
  })
  if (isSame) return new Float32Array(layer.outFeatures)
  const was = await before.read()
  return after.map((value, i) => value - (was[i] as number))
}

/** The values of a tensor that is made for them, and freed unless it was there before. */
async function readAndFree({ base }: AdaptedLinear, make: () => Tensor): Promise<Float32Array> {
  const { memory } = base.weights.weight.device
  let isNew = false
  const tensor = memory.rooted(() =>
    memory.scoped((scope) => {
      const made = make()
      isNew = scope.buffers.has(made.buffer)
      return scope.keep(made)
    }),
  )
  try {
    return await tensor.read()
  } finally {
    if (isNew) tensor.dispose()
  }
}
