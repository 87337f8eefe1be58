import { afterAll, describe, expect, it } from 'vitest'
import { add } from '../../src/ops/add.ts'
import { attention } from '../../src/ops/attention.ts'
import { Visibility } from '../../src/ops/visibility.ts'
import { visibleKeys } from '../../src/ops/visible-keys.ts'
import { dropout } from '../../src/ops/dropout.ts'
import { embedding } from '../../src/ops/embedding.ts'
import { gather } from '../../src/ops/gather.ts'
import { layerNorm } from '../../src/ops/layer-norm.ts'
import { linearCrossEntropy } from '../../src/ops/loss/linear-cross-entropy.ts'
import { logSoftmax } from '../../src/ops/log-softmax.ts'
import { mul } from '../../src/ops/mul.ts'
import { reshape } from '../../src/ops/array/reshape.ts'
import { slice } from '../../src/ops/array/slice.ts'
import { sum } from '../../src/ops/array/sum.ts'
import { transpose } from '../../src/ops/array/transpose.ts'
import { linear } from '../../src/ops/linear.ts'
import { addRmsNorm, rmsNorm } from '../../src/ops/rms-norm.ts'
import { swiGlu } from '../../src/ops/activations/gated-units.ts'
import { matmul } from '../../src/ops/matmul.ts'
import { quantizeFourBit } from '../../src/formats/four-bit/quantize-four-bit.ts'
import { quantizeInt8 } from '../../src/formats/int8/quantize-int8.ts'
import { quantizeMatrix } from '../../src/formats/quantize-matrix.ts'
import { dequantize } from '../../src/ops/dequantize.ts'
import { halfFromArray } from '../../src/tensor/half.ts'
import { empty, fromArray, reshaped, rowsOf, zeros } from '../../src/tensor/tensor.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { testDevices } from '../device/devices.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { normals, seedDraws } from '../device/kernel-case.ts'

seedDraws('ops')

const cpu = await openTestCpu()
const devices = await testDevices()
afterAll(() => [cpu, ...devices].forEach((device) => device.dispose()))

const make = (...shape: number[]) => zeros(cpu, shape, 'x')
const refusal = (code: string, message: string): unknown => expect.objectContaining({ code, message })

describe('ops refuse what does not fit', () => {
  const layout = { heads: 2, kvHeads: 1, dim: 4 }
  const ids = fromArray(cpu, Int32Array.of(0, 1), [2], 'ids')
  const trainable = make(1, 2, 16)
  trainable.requiresGrad = true
  it.each([
    ['shape', 'matmul: inner sizes differ, a [3,5] vs b [4,2]', () => matmul(make(3, 5), make(4, 2))],
    ['shape', 'matmul: inner sizes differ, a [2,3] vs b [4,2] transposed', () => linear(make(2, 3), make(4, 2))],
    [
      'shape',
      'matmul: inner sizes differ, a [3,5] transposed vs b [4,2]',
      () => matmul(make(3, 5), make(4, 2), { transA: true }),
    ],
    ['shape', 'matmul: bias [3] does not fit 4 columns', () => linear(make(2, 3), make(4, 3), make(3))],
    ['shape', 'matmul: out [2,2] does not fit [2,4]', () => matmul(make(2, 3), make(3, 4), { out: make(2, 2) })],
    [
      'unsupported',
      'matmul: a cannot be transposed against a b of 4 bits',
      () => matmul(make(2, 3), quantizeFourBit(make(2, 64)), { transA: true }),
    ],
    [
      'unsupported',
      'matmul: a cannot be transposed against a b of 16 bits',
      () => matmul(make(2, 3), halfFromArray(cpu, new Float32Array(128), [2, 64], 'w'), { transA: true }),
    ],
    [
      'unsupported',
      'matmul: a cannot be transposed against a b of 8 bits',
      () => matmul(make(2, 3), quantizeInt8(make(2, 64)), { transA: true }),
    ],
    ['unsupported', 'storageOf: no product takes a matrix of i32', () => matmul(make(3, 2), reshaped(ids, [2, 1]))],
    [
      'unsupported',
      'requiresGrad: a tensor of f16 is frozen, its steps are too coarse for updates; keep it in f32 to train it',
      () => {
        halfFromArray(cpu, new Float32Array(4), [2, 2], 'w').requiresGrad = true
      },
    ],
    [
      'numeric',
      'head: element 2 is not finite in f16, whose largest number is 65504; store it in f32',
      () => halfFromArray(cpu, Float32Array.of(65504, -65519, 65520, 1), [2, 2], 'head'),
    ],
    [
      'numeric',
      'head: element 1 is not finite in bf16, whose largest number is 3.39e38; store it in f32',
      () => halfFromArray(cpu, Float32Array.of(3.38e38, 3.4e38), [2, 1], 'head', 'bf16'),
    ],
    ['shape', 'quantizeInt8: needs an f32 matrix, got f32 [4]', () => quantizeInt8(make(4))],
    [
      'config',
      "quantize: int8 has a scale for each row, so neither blockSize nor doubleQuant; leave them out, or take 'nf4' or 'fp4'",
      () => quantizeMatrix(make(2, 64), { type: 'int8', blockSize: 64 }),
    ],
    [
      'config',
      `quantize: type must be 'nf4', 'fp4', 'int8', 'q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k' or 'q6_k', got "int4"`,
      () => quantizeMatrix(make(2, 64), { type: 'int4' as 'nf4' }),
    ],
    [
      'unsupported',
      'quantize: computeDtype "bf16"; kernels decode weights to f32 and compute in f32, leave it out',
      () => quantizeMatrix(make(2, 64), { computeDtype: 'bf16' }),
    ],
    [
      'shape',
      'add: a [2,3] and b [3,2] do not match; from the last axis on, sizes must be equal, or one of them 1',
      () => add(make(2, 3), make(3, 2)),
    ],
    [
      'shape',
      'layerNorm: x [2,3] needs weight and bias of 3, got 3 and 2',
      () => layerNorm(make(2, 3), make(3), make(2), 1e-5),
    ],
    ['config', 'dropout: p must be in [0, 1), got 1', () => dropout(make(2), 1, 0)],
    ['config', 'dropout: p must be in [0, 1), got -0.1', () => dropout(make(2), -0.1, 0)],
    ['shape', 'embedding: needs i32 ids and a 2-D table, got f32 [2] and [3,4]', () => embedding(make(2), make(3, 4))],
    ['shape', 'embedding: needs i32 ids and a 2-D table, got i32 [2] and [3]', () => embedding(ids, make(3))],
    ['shape', 'attention: qkv [1,2,12] does not hold 2 + 2·1 heads of 4', () => attention(make(1, 2, 12), layout)],
    [
      'shape',
      'attention: q [1,2,8], k [1,2,4], v [1,2,8] do not hold 2 + 2·1 heads of 4',
      () => attention({ q: make(1, 2, 8), k: make(1, 2, 4), v: make(1, 2, 8) }, layout),
    ],
    [
      'shape',
      'attention: rotary [4] is neither [2·4] nor [2·4], of an even 4',
      () => attention(make(1, 2, 16), layout, { rotary: make(4) }),
    ],
    [
      'shape',
      'attention: visible is of 1 rows, 3 queries and 3 keys, the rows have 1, 2 and 2',
      () => attention(make(1, 2, 16), layout, { visible: visibleKeys(cpu, Visibility.causal(1, 3)) }),
    ],
    [
      'shape',
      'attention: visible has 3 slopes for 2 heads',
      () => {
        const alibi = { slopes: new Float32Array(3), positions: new Float32Array(2) }
        return attention(make(1, 2, 16), layout, { visible: visibleKeys(cpu, Visibility.causal(1, 2), alibi) })
      },
    ],
    ['shape', 'rmsNorm: x [2,3] needs weight of 3, got 2', () => rmsNorm(make(2, 3), make(2), 1e-5)],
    ['shape', 'addRmsNorm: shapes differ, x [2,3] vs r [3,2]', () => addRmsNorm(make(2, 3), make(3, 2), make(3), 1e-5)],
    ['shape', 'swiGlu: shapes differ, gate [2,3] vs up [3,2]', () => swiGlu(make(2, 3), make(3, 2))],
    [
      'shape',
      'attention: 6 tokens do not fit a cache of 5; make a larger one',
      () => attention(make(1, 2, 16), layout, { cache: { k: make(1, 1, 5, 4), v: make(1, 1, 5, 4), length: 4 } }),
    ],
    [
      'unsupported',
      'attention: no gradient goes through a cache',
      () => attention(trainable, layout, { cache: { k: make(1, 1, 5, 4), v: make(1, 1, 5, 4), length: 0 } }),
    ],
    [
      'shape',
      'linearCrossEntropy: 3 labels for x [2,4]',
      () => linearCrossEntropy(make(2, 4), make(5, 4), Int32Array.of(1, 2, 3)),
    ],
    [
      'config',
      'linearCrossEntropy: every label is masked; a prompt that fills the whole length leaves nothing to learn',
      () => linearCrossEntropy(make(2, 4), make(5, 4), Int32Array.of(-100, -100)),
    ],
    [
      'config',
      'linearCrossEntropy: label 5 is beyond the vocabulary of 5',
      () => linearCrossEntropy(make(2, 4), make(5, 4), Int32Array.of(1, 5)),
    ],
    [
      'config',
      'quantize: blockSize must be one of 32, 64, 128, 256, 512, 1024, 2048, 4096, got 48',
      () => quantizeFourBit(make(2, 64), { blockSize: 48 }),
    ],
    ['shape', 'quantizeFourBit: needs an f32 matrix, got f32 [64]', () => quantizeFourBit(make(64))],
    ['shape', 'reshape: [2,3] does not fit [4]', () => reshape(make(2, 3), [4])],
    ['shape', 'reshape: [2,3] does not fit [4,-1]', () => reshape(make(2, 3), [4, -1])],
    ['shape', 'reshape: [2,3] does not fit [-1,-1]', () => reshape(make(2, 3), [-1, -1])],
    ['shape', 'slice: 1 to 3 of axis 0 of [2,3]', () => slice(make(2, 3), 0, 1, 3)],
    ['shape', 'slice: 0.5 to 3 of axis 1 of [2,3]', () => slice(make(2, 3), -1, 0.5)],
    ['shape', 'slice: [2,3] has no axis 2', () => slice(make(2, 3), 2, 0)],
    ['shape', 'transpose: [2,3] has no axis -3', () => transpose(make(2, 3), 0, -3)],
    ['shape', 'sum: [2,3] has no axis 2', () => sum(make(2, 3), { axis: 2 })],
    ['config', 'sum: there is no option "dim"; did you mean axis?', () => sum(make(2, 3), { dim: 1 } as never)],
    [
      'shape',
      'mul: a [2,3] and b [2] do not match; from the last axis on, sizes must be equal, or one of them 1',
      () => mul(make(2, 3), make(2)),
    ],
    [
      'unsupported',
      'mul: [2,2,2,2,2] falls into more than four axes; reshape it first',
      () => mul(make(2, 1, 2, 1, 2), make(1, 2, 1, 2, 1)),
    ],
    ['unsupported', 'mul: b must be f32, got i32 [2]', () => mul(make(2), ids)],
    ['config', 'mul: a must be a tensor, got "x"', () => mul('x' as never, ids)],
    ['unsupported', 'gather: ids must be i32, got f32 [2,1]', () => gather(make(2, 3), make(2, 1))],
    ['shape', 'gather: ids [2] must have the axes of x [2,3] but the last', () => gather(make(2, 3), ids)],
    ['unsupported', 'logSoftmax: x must be f32, got i32 [2]', () => logSoftmax(ids)],
    ['shape', 'write: 2 values for [3]', () => make(3).write(new Float32Array(2))],
  ] as const)('%s: %s', (code, message, act) => {
    expect(() => cpu.memory.scoped((): unknown => act())).toThrow(refusal(code, message))
  })

  it('shape: read: the tensor holds i32, not f32; use readBytes', async () => {
    await expect(ids.read()).rejects.toThrow(refusal('shape', 'read: the tensor holds i32, not f32; use readBytes'))
    expect(new Int32Array((await ids.readBytes()).buffer)).toEqual(Int32Array.of(0, 1))
  })
})

describe.each(devices)('on $description', (device) => {
  it('dropout keeps its share, by its seed, and nothing is dropped at p 0', async () => {
    await withScope(async () => {
      const ones = fromArray(device, new Float32Array(10_000).fill(1), [10_000], 'ones')
      const drawn = async (seed: number) => dropout(ones, 0.25, seed).read()
      const first = await drawn(1)
      expect(new Set(first)).toEqual(new Set([0, Math.fround(1 / 0.75)]))
      expect(first.filter((value) => value === 0).length / 10_000).toBeCloseTo(0.25, 1)
      expect(await drawn(1)).toEqual(first)
      expect(await drawn(2)).not.toEqual(first)
      expect(dropout(ones, 0, 1)).toBe(ones)
      const onCpu = fromArray(cpu, new Float32Array(10_000).fill(1), [10_000], 'ones')
      expect(await dropout(onCpu, 0.25, 1).read()).toEqual(first)
    })
  })

  it('attention with a cache says what it says without', async () => {
    await withScope(async () => {
      const values = normals(2 * 5 * 32)
      const rows = (begin: number, end: number) =>
        Float32Array.of(...[0, 1].flatMap((b) => [...values.subarray((b * 5 + begin) * 32, (b * 5 + end) * 32)]))
      const angles = normals(5 * 4)
      const layout = { heads: 4, kvHeads: 2, dim: 4 }
      const told = (begin: number, end: number) => {
        const positions = Float32Array.from({ length: 2 * end }, (_, key) => key % end)
        const alibi = { slopes: Float32Array.of(1, 0.5, 0.25, 0.125), positions }
        const visible = visibleKeys(device, Visibility.causal(2, end - begin, end), alibi)
        const rotary = fromArray(device, angles.slice(4 * begin, 4 * end), [4 * (end - begin)], 'rotary')
        return { visible, rotary }
      }
      const whole = await attention(fromArray(device, values, [2, 5, 32], 'qkv'), layout, told(0, 5)).read()
      const [k, v] = [zeros(device, [2, 2, 7, 4], 'k'), zeros(device, [2, 2, 7, 4], 'v')]
      const joined: [number[], number[]] = [[], []]
      for (const [begin, end] of [
        [0, 3],
        [3, 4],
        [4, 5],
      ] as const) {
        const qkv = fromArray(device, rows(begin, end), [2, end - begin, 32], 'qkv')
        const part = await attention(qkv, layout, { ...told(begin, end), cache: { k, v, length: begin } }).read()
        joined[0].push(...part.subarray(0, part.length / 2))
        joined[1].push(...part.subarray(part.length / 2))
      }
      const errors = joined.flat().map((value, i) => Math.abs(value - (whole[i] ?? NaN)))
      expect(Math.max(...errors)).toBeLessThan(1e-5)
    })
  })

  it('decodes what it stored, and a product with it equals that of the decoded matrix', async () => {
    await withScope(async () => {
      const values = normals(96 * 64)
      const [weight, x] = [fromArray(device, values, [96, 64], 'w'), fromArray(device, normals(3 * 64), [3, 64], 'x')]
      for (const stored of [
        quantizeFourBit(weight),
        quantizeFourBit(weight, { type: 'fp4', blockSize: 128 }),
        quantizeFourBit(weight, { doubleQuant: false }),
        quantizeInt8(fromArray(device, values, [96, 64], 'w')),
        halfFromArray(device, values, [96, 64], 'w'),
        halfFromArray(device, values, [96, 64], 'w', 'bf16'),
      ]) {
        const decoded = dequantize(stored)
        expect(decoded.shape).toEqual([96, 64])
        const [given, wanted] = [await linear(x, stored).read(), await linear(x, decoded).read()]
        expect(Math.max(...given.map((value, i) => Math.abs(value - (wanted[i] ?? NaN))))).toBeLessThan(1e-4)
      }
    })
  })

  it('stores int8 as bitsandbytes does', async () => {
    const golden = await openFixture('quantised.safetensors')
    await withScope(async () => {
      const { codes, scale } = quantizeInt8(fromArray(device, await golden.readF32('int8.input'), [24, 64], 'w')).parts
      expect(new Int8Array((await codes.readBytes()).buffer)).toEqual(await golden.read('int8.CB'))
      expect(await scale.read()).toEqual(await golden.readF32('int8.SCB'))
    })
  })

  it.each(['f16', 'f32', 'ties'])(
    'stores thousands of int8 codes as bitsandbytes does, of rows of %s',
    async (name) => {
      const made = await openFixture('stored/int8.safetensors')
      await withScope(async () => {
        const rows = fromArray(device, await made.readF32(`${name}.input`), made.info(`${name}.input`).shape, name)
        const { codes, scale } = quantizeInt8(rows).parts
        expect(new Int8Array((await codes.readBytes()).buffer)).toEqual(await made.read(`${name}.CB`))
        expect(await scale.read()).toEqual(await made.readF32(`${name}.SCB`))
      })
    },
  )

  it('rows of a tensor and reshaped ones are windows of the same buffer', async () => {
    await withScope(async () => {
      const x = fromArray(
        device,
        Float32Array.from({ length: 256 }, (_, i) => i),
        [4, 64],
        'x',
      )
      expect(await rowsOf(x, 1, 3).read()).toEqual(Float32Array.from({ length: 128 }, (_, i) => 64 + i))
      rowsOf(x, 3, 4).write(new Float32Array(64).fill(-1))
      expect((await reshape(x, [2, -1, 64]).read()).slice(190, 194)).toEqual(Float32Array.of(190, 191, -1, -1))
      const scalar = empty(device, [], 'scalar')
      expect([scalar.count, scalar.rows, scalar.columns, scalar.byteLength]).toEqual([1, 1, 1, 4])
    })
  })

  async function withScope(work: () => Promise<void>): Promise<void> {
    const scope = device.memory.open()
    try {
      await work()
    } finally {
      scope.close()
    }
  }
})
