import { check } from '../../../core/errors.ts'
import { linearMap } from '../../../core/linear-algebra/linear-map.ts'
import { matrixOf, product } from '../../../core/linear-algebra/dense-matrix.ts'
import { truncatedSvd } from '../../../core/linear-algebra/truncated-svd.ts'
import type { Device } from '../../../device/device.ts'
import { dequantize } from '../../../ops/dequantize.ts'
import { rootedMatrix } from '../../../tensor/matrix.ts'
import type { StoredMatrix } from '../../../tensor/stored-matrix.ts'
import { fromArray, Tensor } from '../../../tensor/tensor.ts'
import { type LoftQConfig, loftqDefaults } from '../loftq-config.ts'
import type { BaseStart, HostMatrix, StartingFactors } from './base-start.ts'
import { halved } from './pissa.ts'

/**
 * LoftQ: the base's weight W becomes a quantised Q, and A and B the largest singular vectors of W − Q, so that
 * Q + scaling · B A is near W; then Q is made of W − scaling · B A, and so on. arXiv 2310.08659, algorithm 1;
 * peft/utils/loftq_utils.py, loftq_init, which forgets the scaling.
 */
export const loftq: BaseStart = {
  besideWeight: null,
  isPlain: false,
  factors: async (weight, rank, scaling, _random, { path, base, config }) => {
    const { loftqBits, loftqIter } = { ...loftqDefaults, ...config.loftqConfig }
    check(base instanceof Tensor, 'unsupported', () => {
      return `initLoraWeights: "loftq" quantises the base's weights, and ${path} is so already; load the base in f32, f16 or bf16, or begin with true and call replaceLoraWeightsLoftq`
    })
    const { device } = base
    let values = weight.values
    for (let i = 1; ; i++) {
      const ground = await quantized(device, path, { ...weight, values }, loftqBits)
      try {
        const made = await lostFactors(weight, ground, rank, scaling)
        if (i === loftqIter) return { ...made, ground }
        values = without(weight, made, scaling)
      } catch (error) {
        ground.dispose()
        throw error
      }
      ground.dispose()
    }
  },
}

/** A and B whose scaling · B A is nearest to what a weight lost when it was quantised. */
export async function lostFactors(
  { values, rows, columns }: HostMatrix,
  quantised: StoredMatrix,
  rank: number,
  scaling: number,
): Promise<StartingFactors> {
  const full = quantised.device.memory.rooted(() => dequantize(quantised))
  try {
    const there = await full.read()
    const lost = values.map((value, i) => value - (there[i] ?? NaN))
    return halved(truncatedSvd(linearMap(lost, rows, columns), rank), scaling)
  } finally {
    full.dispose()
  }
}

/** Q, as bitsandbytes makes it. It belongs to nobody. */
async function quantized(
  device: Device,
  path: string,
  { rows, columns, values }: HostMatrix,
  bits: LoftQConfig['loftqBits'],
): Promise<StoredMatrix> {
  const options = bits === 4 ? ({ type: 'nf4', doubleQuant: false } as const) : ({ type: 'int8' } as const)
  // Whoever attaches an adapter is not to load all formats for this start.
  const { quantizeMatrix } = await import('../../../formats/quantize-matrix.ts')
  const { formatOf } = await import('../../../formats/formats.ts')
  const matrix = rootedMatrix(device, () =>
    quantizeMatrix(fromArray(device, values, [rows, columns], `${path}, to quantise`), options),
  )
  try {
    await formatOf(matrix).verify?.(path, matrix)
    return matrix
  } catch (error) {
    matrix.dispose()
    throw error
  }
}

/** W − scaling · B A. */
function without({ values, rows, columns }: HostMatrix, { a, b }: StartingFactors, scaling: number): Float32Array {
  const rank = a.length / columns
  const update = product(matrixOf(b, rows, rank), matrixOf(a, rank, columns)).values
  return values.map((value, i) => value - scaling * (update[i] ?? NaN))
}
