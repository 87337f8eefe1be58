import { bf16ToF32, f16ToF32 } from '../../src/core/float16.ts'
import { mix32 } from '../../src/core/random.ts'
import type { Shape } from '../../src/core/shape.ts'
import type { Device } from '../../src/device/device.ts'
import { addLayerNorm } from '../../src/ops/add-layer-norm.ts'
import { add } from '../../src/ops/add.ts'
import { dropout } from '../../src/ops/dropout.ts'
import { embedding } from '../../src/ops/embedding.ts'
import { gelu } from '../../src/ops/activations/gelu.ts'
import { layerNorm } from '../../src/ops/layer-norm.ts'
import { linearCrossEntropy } from '../../src/ops/loss/linear-cross-entropy.ts'
import { linearLogProbs } from '../../src/ops/loss/linear-log-probs.ts'
import { addLinear, linear } from '../../src/ops/linear.ts'
import { noise } from '../../src/ops/noise.ts'
import { addRmsNorm, rmsNorm } from '../../src/ops/rms-norm.ts'
import { geGlu, swiGlu } from '../../src/ops/activations/gated-units.ts'
import { quantizeFourBit } from '../../src/formats/four-bit/quantize-four-bit.ts'
import { quantizeInt8 } from '../../src/formats/int8/quantize-int8.ts'
import { dequantizeFourBit, quantizeFourBit as quantizeOnHost } from '../../src/quant/four-bit.ts'
import { dequantizeInt8, quantizeInt8 as quantizeInt8OnHost } from '../../src/quant/int8.ts'
import { halfFromArray, type HalfType, roundToHalf } from '../../src/tensor/half.ts'
import { fromArray, type Tensor, zeros } from '../../src/tensor/tensor.ts'
import { at, doubles, normals, seedDraws, sumOf } from '../device/kernel-case.ts'
import { adapterCases } from './adapter-cases.ts'
import { attentionCases } from './attention-cases.ts'
import { blockCases } from './block-cases.ts'
import type { OpCase } from './gradient-check.ts'
import { networkCases } from './network-cases.ts'
import { verbCases } from './verb-cases.ts'

seedDraws('op-cases')

type Values = Readonly<Record<string, Float64Array>>

const input = (shape: Shape, scale = 1) => ({
  shape,
  values: normals(
    shape.reduce((a, b) => a * b, 1),
    scale,
  ),
})
const part = <T>(parts: Readonly<Record<string, T>>, name: string): T => parts[name] as T

/** x Wᵀ + b of rows. */
function product(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  inner: number,
  bias?: ArrayLike<number>,
): Float64Array {
  const columns = weight.length / inner
  return doubles((x.length / inner) * columns, (e) => {
    const [row, column] = [Math.floor(e / columns), e % columns]
    const dot = sumOf(inner, (i) => at(x, row * inner + i) * at(weight, column * inner + i))
    return dot + (bias ? at(bias, column) : 0)
  })
}

const halfTypes = ['f16', 'bf16'] as const
const halved = (values: Float32Array, dtype: HalfType) =>
  (dtype === 'f16' ? f16ToF32 : bf16ToF32)(roundToHalf(values, dtype, 'weight'))

/** A frozen weight whose rows are no whole words of 16 or 8 bits. */
const uneven = normals(24 * 33)
const wholeByteCases: OpCase[] = [
  ...halfTypes.map((dtype) => ({
    title: dtype,
    plain: halved(uneven, dtype),
    store: (device: Device) => halfFromArray(device, uneven, [24, 33], 'weight', dtype),
  })),
  {
    title: 'int8',
    plain: dequantizeInt8(quantizeInt8OnHost(uneven, 24, 33)),
    store: (device: Device) => quantizeInt8(fromArray(device, uneven, [24, 33], 'w')),
  },
].map(({ title, plain, store }) => ({
  op: 'linear',
  title: `${title} weight, frozen, with bias`,
  inputs: { x: input([2, 3, 33]), bias: input([24]) },
  apply: (t, device) => linear(part(t, 'x'), store(device), part(t, 'bias')),
  reference: (v) => product(part(v, 'x'), plain, 33, part(v, 'bias')),
}))

const frozen = normals(24 * 32)
const fourBitCases: OpCase[] = (['nf4', 'fp4'] as const).map((type) => {
  const plain = dequantizeFourBit({
    ...quantizeOnHost(frozen, { type, blockSize: 64 }),
    type,
    blockSize: 64,
    count: frozen.length,
  })
  return {
    op: 'linear',
    title: `${type} weight, frozen, with bias`,
    inputs: { x: input([2, 3, 32]), bias: input([24]) },
    apply: (t: Readonly<Record<string, Tensor>>, device: Device) => {
      const weight = fromArray(device, frozen, [24, 32], 'weight')
      return linear(part(t, 'x'), quantizeFourBit(weight, { type, doubleQuant: false }), part(t, 'bias'))
    },
    reference: (v: Values) => product(part(v, 'x'), plain, 32, part(v, 'bias')),
  }
})

function crossEntropyCase(
  title: string,
  rows: number,
  isMasked: (row: number) => boolean,
  normalizer?: number,
  head?: { readonly values: Float32Array; readonly dtype: HalfType },
  smoothing = 0,
): OpCase {
  const [dim, vocab] = [3, 7]
  const labels = Int32Array.from({ length: rows }, (_, row) => (isMasked(row) ? -100 : (row * 5) % vocab))
  const labelled = labels.filter((label) => label >= 0).length
  return {
    op: 'linearCrossEntropy',
    title,
    inputs: { x: input([rows, dim]), ...(head ? {} : { weight: input([vocab, dim]) }) },
    apply: (t, device) => {
      const weight = head ? halfFromArray(device, head.values, [vocab, dim], 'head', head.dtype) : part(t, 'weight')
      return linearCrossEntropy(part(t, 'x'), weight, labels, normalizer, [], smoothing)
    },
    reference: (v) => {
      const weight = head ? halved(head.values, head.dtype) : part(v, 'weight')
      const logits = product(part(v, 'x'), weight, dim)
      const nats = sumOf(rows, (row) => {
        const label = at(labels, row)
        if (label < 0) return 0
        const logit = (i: number) => at(logits, row * vocab + i)
        const mean = sumOf(vocab, logit) / vocab
        return Math.log(sumOf(vocab, (i) => Math.exp(logit(i)))) - (1 - smoothing) * logit(label) - smoothing * mean
      })
      return Float64Array.of(nats / (normalizer ?? labelled))
    },
  }
}

/** Logits that are a sum of two products, as a head has with a low-rank adapter on it. */
function addedProductCase(): OpCase {
  const [rows, dim, rank, vocab] = [5, 3, 2, 7]
  const labels = Int32Array.of(3, -100, 0, 6, 3)
  return {
    op: 'linearCrossEntropy',
    title: 'a second product',
    inputs: {
      x: input([rows, dim]),
      weight: input([vocab, dim]),
      low: input([rows, rank]),
      up: input([vocab, rank]),
    },
    apply: (t) => {
      const others = [{ x: part(t, 'low'), weight: part(t, 'up') }]
      return linearCrossEntropy(part(t, 'x'), part(t, 'weight'), labels, undefined, others)
    },
    reference: (v) => {
      const low = product(part(v, 'low'), part(v, 'up'), rank)
      const logits = product(part(v, 'x'), part(v, 'weight'), dim).map((value, i) => value + at(low, i))
      const nats = sumOf(rows, (row) => {
        const label = at(labels, row)
        if (label < 0) return 0
        return Math.log(sumOf(vocab, (i) => Math.exp(at(logits, row * vocab + i)))) - at(logits, row * vocab + label)
      })
      return Float64Array.of(nats / 4)
    },
  }
}

/**
 * Log-probabilities of labels, of which some rows have none, by a sum of two products; more rows than exist at once.
 */
function logProbsCase(rows: number): OpCase {
  const [dim, rank, vocab] = [3, 2, 7]
  const labels = Int32Array.from({ length: rows }, (_, row) => (row % 5 === 1 ? -100 : (row * 3) % vocab))
  return {
    op: 'linearLogProbs',
    title: `${rows} rows of two products`,
    inputs: {
      x: input([1, rows, dim]),
      weight: input([vocab, dim]),
      low: input([1, rows, rank]),
      up: input([vocab, rank]),
    },
    apply: (t) => {
      return linearLogProbs(part(t, 'x'), part(t, 'weight'), labels, [{ x: part(t, 'low'), weight: part(t, 'up') }])
    },
    reference: (v) => {
      const low = product(part(v, 'low'), part(v, 'up'), rank)
      const logits = product(part(v, 'x'), part(v, 'weight'), dim).map((value, i) => value + at(low, i))
      return doubles(rows, (row) => {
        const label = at(labels, row)
        if (label < 0) return 0
        return at(logits, row * vocab + label) - Math.log(sumOf(vocab, (i) => Math.exp(at(logits, row * vocab + i))))
      })
    },
  }
}

/** Abramowitz & Stegun 7.1.5, the series of erf, which converges for the arguments here. */
function erf(x: number): number {
  let [term, sum] = [x, x]
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

/** Σ and norm are both used, so that the gradient of Σ is a total of two. */
function addLayerNormCase(dim: number): OpCase {
  return {
    op: 'addLayerNorm',
    title: `rows of ${dim}, the sum used again`,
    inputs: {
      x: { shape: [2, 3, dim], values: normals(6 * dim).map((x, i) => 2 * x + 5 - (i % 3)) },
      r: input([2, 3, dim]),
      weight: input([dim]),
      bias: input([dim]),
    },
    apply: (t) => {
      const { y, out } = addLayerNorm(part(t, 'x'), part(t, 'r'), part(t, 'weight'), part(t, 'bias'), 1e-3)
      return add(y, out)
    },
    reference: (v) => {
      const y = part(v, 'x').map((x, i) => x + at(part(v, 'r'), i))
      return normalised(y, dim, v).map((value, i) => at(y, i) + value)
    },
    tolerance: 5e-5,
  }
}

function addRmsNormCase(dim: number): OpCase {
  return {
    op: 'addRmsNorm',
    title: `rows of ${dim}, the sum used again`,
    inputs: { x: input([2, 3, dim], 2), r: input([2, 3, dim]), weight: input([dim]) },
    apply: (t) => {
      const { y, out } = addRmsNorm(part(t, 'x'), part(t, 'r'), part(t, 'weight'), 1e-3)
      return add(y, out)
    },
    reference: (v) => {
      const y = part(v, 'x').map((x, i) => x + at(part(v, 'r'), i))
      return scaledByRms(y, dim, v).map((value, i) => at(y, i) + value)
    },
    tolerance: 5e-5,
  }
}

/** RMS norm of rows of `dim`, with eps 1e-3. */
function scaledByRms(x: Float64Array, dim: number, v: Values): Float64Array {
  return x.map((value, e) => {
    const square = sumOf(dim, (i) => at(x, e - (e % dim) + i) ** 2) / dim
    return (value / Math.sqrt(square + 1e-3)) * at(part(v, 'weight'), e % dim)
  })
}

/** Layer norm of rows of `dim`, with eps 1e-3. */
function normalised(x: Float64Array, dim: number, v: Values): Float64Array {
  return x.map((value, e) => {
    const row = x.subarray(e - (e % dim), e - (e % dim) + dim)
    const mean = sumOf(dim, (i) => at(row, i)) / dim
    const variance = sumOf(dim, (i) => (at(row, i) - mean) ** 2) / dim
    const normal = (value - mean) / Math.sqrt(variance + 1e-3)
    return normal * at(part(v, 'weight'), e % dim) + at(part(v, 'bias'), e % dim)
  })
}

/** A case or more for every op that has a gradient rule. */
export const opCases: readonly OpCase[] = [
  {
    op: 'linear',
    title: 'three dimensions, with bias',
    inputs: { x: input([2, 3, 5]), weight: input([7, 5]), bias: input([7]) },
    apply: (t) => linear(part(t, 'x'), part(t, 'weight'), part(t, 'bias')),
    reference: (v) => product(part(v, 'x'), part(v, 'weight'), 5, part(v, 'bias')),
  },
  {
    op: 'linear',
    title: 'one row, no bias',
    inputs: { x: input([1, 33]), weight: input([4, 33]) },
    apply: (t) => linear(part(t, 'x'), part(t, 'weight')),
    reference: (v) => product(part(v, 'x'), part(v, 'weight'), 33),
  },
  ...fourBitCases,
  ...wholeByteCases,
  {
    op: 'addLinear',
    title: 'over what an op made',
    inputs: { base: input([2, 3, 7]), x: input([2, 3, 4]), weight: input([7, 4]) },
    apply: (t, device) => {
      const base = add(part(t, 'base'), zeros(device, [2, 3, 7], 'zeros'))
      return addLinear(base, part(t, 'x'), part(t, 'weight'), -1.5)
    },
    reference: (v) => product(part(v, 'x'), part(v, 'weight'), 4).map((y, i) => at(part(v, 'base'), i) - 1.5 * y),
  },
  {
    op: 'add',
    title: 'two tensors',
    inputs: { a: input([3, 7]), b: input([3, 7]) },
    apply: (t) => add(part(t, 'a'), part(t, 'b')),
    reference: (v) => part(v, 'a').map((a, i) => a + at(part(v, 'b'), i)),
  },
  {
    op: 'gelu',
    title: 'both tails',
    inputs: { x: { shape: [3, 9], values: Float32Array.from({ length: 27 }, (_, i) => (i - 13) * 0.31 + 0.03) } },
    apply: (t) => gelu(part(t, 'x')),
    reference: (v) => part(v, 'x').map((x) => 0.5 * x * (1 + erf(x / Math.SQRT2))),
  },
  {
    op: 'layerNorm',
    title: 'rows far from 0',
    inputs: {
      x: { shape: [2, 3, 13], values: normals(78).map((x, i) => 2 * x + 5 - (i % 3)) },
      weight: input([13]),
      bias: input([13]),
    },
    apply: (t) => layerNorm(part(t, 'x'), part(t, 'weight'), part(t, 'bias'), 1e-3),
    reference: (v) => normalised(part(v, 'x'), 13, v),
    tolerance: 5e-5,
  },
  ...[13, 16].map((dim) => addLayerNormCase(dim)),
  ...[13, 16].map((dim) => addRmsNormCase(dim)),
  {
    op: 'rmsNorm',
    title: 'rows far from 0',
    inputs: { x: { shape: [2, 3, 13], values: normals(78).map((x, i) => 2 * x + 5 - (i % 3)) }, weight: input([13]) },
    apply: (t) => rmsNorm(part(t, 'x'), part(t, 'weight'), 1e-3),
    reference: (v) => scaledByRms(part(v, 'x'), 13, v),
    tolerance: 5e-5,
  },
  {
    op: 'rmsNorm',
    title: 'of weights that lack 1',
    inputs: { x: { shape: [2, 3, 13], values: normals(78).map((x, i) => 2 * x + 5 - (i % 3)) }, weight: input([13]) },
    apply: (t) => rmsNorm(part(t, 'x'), part(t, 'weight'), 1e-3, 1),
    reference: (v) => scaledByRms(part(v, 'x'), 13, { ...v, weight: part(v, 'weight').map((w) => w + 1) }),
    tolerance: 5e-5,
  },
  {
    op: 'swiGlu',
    title: 'both tails',
    inputs: {
      gate: { shape: [3, 9], values: Float32Array.from({ length: 27 }, (_, i) => (i - 13) * 0.31 + 0.03) },
      up: input([3, 9]),
    },
    apply: (t) => swiGlu(part(t, 'gate'), part(t, 'up')),
    reference: (v) => part(v, 'gate').map((g, i) => (g / (1 + Math.exp(-g))) * at(part(v, 'up'), i)),
  },
  {
    op: 'geGlu',
    title: 'both tails',
    inputs: {
      gate: { shape: [3, 9], values: Float32Array.from({ length: 27 }, (_, i) => (i - 13) * 0.31 + 0.03) },
      up: input([3, 9]),
    },
    apply: (t) => geGlu(part(t, 'gate'), part(t, 'up')),
    reference: (v) =>
      part(v, 'gate').map((g, i) => {
        return 0.5 * g * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (g + 0.044715 * g ** 3))) * at(part(v, 'up'), i)
      }),
  },
  {
    op: 'dropout',
    title: 'p 0.3',
    inputs: { x: input([5, 13]) },
    apply: (t) => dropout(part(t, 'x'), 0.3, 77),
    reference: (v) => part(v, 'x').map((x, i) => (mix32((i ^ 77) >>> 0) >= 0.3 * 2 ** 32 ? x / 0.7 : 0)),
  },
  {
    op: 'noise',
    title: 'of a scale',
    inputs: { x: input([5, 13]) },
    apply: (t) => noise(part(t, 'x'), 0.3, 77),
    reference: (v) => part(v, 'x').map((x, i) => x + 0.3 * ((mix32((i ^ 77) >>> 0) >>> 8) / 2 ** 23 - 1)),
  },
  {
    op: 'embedding',
    title: 'rows used once, often and never',
    inputs: { table: input([6, 5]) },
    apply: (t, device) =>
      embedding(fromArray(device, Int32Array.of(4, 0, 4, 4, 2, 0), [2, 3], 'ids'), part(t, 'table')),
    reference: (v) => doubles(30, (e) => at(part(v, 'table'), at([4, 0, 4, 4, 2, 0], Math.floor(e / 5)) * 5 + (e % 5))),
  },
  ...adapterCases,
  ...attentionCases,
  ...networkCases,
  ...verbCases,
  ...blockCases,
  crossEntropyCase('masked rows', 9, (row) => row % 3 === 1),
  ...halfTypes.map((dtype) => {
    const head = { values: normals(21), dtype }
    return crossEntropyCase(`a frozen head in ${dtype}`, 9, (row) => row === 4, undefined, head)
  }),
  addedProductCase(),
  logProbsCase(6),
  logProbsCase(330),
  crossEntropyCase('smoothed labels', 9, (row) => row % 3 === 1, 7, undefined, 0.2),
  crossEntropyCase('a normalizer of its own', 5, (row) => row === 4, 11),
  crossEntropyCase('more rows than a chunk holds', 270, (row) => row % 50 === 7),
]
