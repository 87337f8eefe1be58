import { createHash } from 'node:crypto'
import { FourBitTensor, type PretrainedLm } from '../../src/index.ts'
import { dequantize } from '../../src/ops/dequantize.ts'
import { dynamicMap } from '../../src/quant/dynamic-map.ts'
import { nestedBlockSize } from '../../src/quant/double-quant.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { type Check, equal, within } from '../golden/check.ts'
import type { Numbers } from './numbers.ts'
import { Totals } from './totals.ts'

interface Checksum {
  readonly packed_sha256: string
  readonly absmax_codes_sha256: string
  readonly dequantised_sum: number
  readonly dequantised_sum_of_squares: number
  readonly dequantised_first8: readonly number[]
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/**
 * The model's projections in NF4 beside bitsandbytes': all codes, all block scales, and what double quantisation makes
 * of these. Its first step takes the mean of a matrix's scales, which is here the mean rounded once; torch's is that
 * of its own order of summation, which changes with its threads. So codes are held against it twice: as they are,
 * where a few may be a neighbour, and made from torch's mean, where all are the same.
 * @param single The model in NF4 whose block scales are in f32, of the same numbers.
 */
export async function* quantisedChecks(
  double: PretrainedLm,
  single: PretrainedLm,
  numbers: Numbers,
): AsyncGenerator<Check> {
  const sums = numbers.json('qlora/nf4-checksums.json') as Readonly<Record<string, Checksum>>
  const scales = await numbers.tensors('nested-scales.safetensors', 'qlora')
  const plain = new Map(projectionsOf(single))
  const differing = { codes: 0, scales: 0, theirScales: 0, neighbours: 0, further: 0 }
  let [names, count, offset, nested] = [0, 0, 0, 0]
  for (const [name, { parts }] of projectionsOf(double)) {
    const wanted = sums[name]
    const full = await plain.get(name)?.parts.absmax.read()
    if (wanted === undefined || full === undefined) continue
    names++
    differing.codes += +(sha256(await parts.codes.readBytes()) !== wanted.packed_sha256)
    const theirs = await nestedOf(scales, name)
    const [own, ownNested] = [await parts.absmax.readBytes(), (await parts.nested?.read()) ?? new Float32Array()]
    count += own.length
    for (const [i, code] of own.entries()) {
      const apart = Math.abs(code - (theirs.codes[i] ?? NaN))
      differing.neighbours += +(apart === 1)
      differing.further += +!(apart <= 1)
    }
    offset = Math.max(offset, Math.abs((ownNested.at(-1) ?? NaN) / theirs.offset - 1))
    for (const [i, scale] of theirs.absmax.entries()) nested = Math.max(nested, Math.abs((ownNested[i] ?? NaN) - scale))
    const again = quantizedFrom(theirs.offset, full)
    differing.theirScales += +!(sha256(again.codes) === wanted.absmax_codes_sha256)
    differing.scales += +again.absmax.some((scale, i) => scale !== theirs.absmax[i])
  }
  const all = Object.keys(sums).length
  yield equal(`matrices in NF4, of ${all}`, [names], [all])
  yield within(`matrices whose codes differ, of ${all}`, [differing.codes], [0], 0)
  yield within(
    `matrices whose scales' codes differ, made from torch's mean, of ${all}`,
    [differing.theirScales],
    [0],
    0,
  )
  yield within(`matrices whose nested scales differ, made from torch's mean, of ${all}`, [differing.scales], [0], 0)
  yield within('means of the scales, as shares', [offset], [0], 2 ** -22)
  yield within('nested scales', [nested], [0], 1e-6)
  yield within(`codes of scales that are a neighbour, of ${count}`, [differing.neighbours], [0], 1e-3 * count)
  yield within('codes of scales that are further off', [differing.further], [0], 0)
}

/**
 * Puts bitsandbytes' very block scales under the model's codes, which are its own.
 * @returns Checks of what it decodes.
 */
export async function* theirBase(model: PretrainedLm, numbers: Numbers): AsyncGenerator<Check> {
  const sums = numbers.json('qlora/nf4-checksums.json') as Readonly<Record<string, Checksum>>
  const scales = await numbers.tensors('nested-scales.safetensors', 'qlora')
  const totals = new Totals()
  for (const [name, matrix] of projectionsOf(model)) {
    const { absmax, codes, offset } = await nestedOf(scales, name)
    matrix.parts.absmax.write(codes)
    matrix.parts.nested?.write(Float32Array.of(...absmax, offset))
    const known = sums[name]
    if (known === undefined) continue
    const scope = model.device.memory.open()
    const values = await dequantize(matrix).read()
    scope.close()
    const { dequantised_sum: sum, dequantised_sum_of_squares: squares, dequantised_first8: first } = known
    totals.add(values, { sum, squares, first })
  }
  yield* totals.checks('decoded from their scales')
}

function projectionsOf(model: PretrainedLm): [name: string, matrix: FourBitTensor][] {
  return [...model.namedWeights()].flatMap(([name, weight]) => {
    return weight instanceof FourBitTensor ? [[name, weight] as [string, FourBitTensor]] : []
  })
}

async function nestedOf(scales: TensorReader, name: string) {
  return {
    codes: (await scales.readBytes(`${name}.absmax`)).slice(),
    absmax: await scales.readF32(`${name}.nested_absmax`),
    offset: (await scales.readF32(`${name}.offset`))[0] ?? NaN,
  }
}

/** Double quantisation by its definition: the entry of the map that is nearest, looked for among all. */
function quantizedFrom(offset: number, scales: Float32Array): { codes: Uint8Array; absmax: Float32Array } {
  const map = dynamicMap(true)
  const centred = scales.map((scale) => scale - offset)
  const absmax = new Float32Array(Math.ceil(scales.length / nestedBlockSize))
  for (const [i, value] of centred.entries()) {
    const block = Math.floor(i / nestedBlockSize)
    absmax[block] = Math.max(absmax[block] ?? 0, Math.abs(value))
  }
  const codes = Uint8Array.from(centred, (value, i) => {
    const share = Math.fround(value * Math.fround(1 / (absmax[Math.floor(i / nestedBlockSize)] ?? NaN)))
    let nearest = 0
    for (const [code, entry] of map.entries()) {
      if (Math.abs(share - entry) < Math.abs(share - (map[nearest] ?? NaN))) nearest = code
    }
    return nearest
  })
  return { codes, absmax }
}
