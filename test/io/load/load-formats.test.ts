import { afterAll, describe, expect, it } from 'vitest'
import { bf16ToF32, f32ToBf16 } from '../../../src/core/float16.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import type { CausalLm } from '../../../src/models/causal-lm.ts'
import { quantize, type QuantizeOptions } from '../../../src/nn/quantize.ts'
import { encodeFloats } from '../../../src/safetensors/float16.ts'
import type { TensorToWrite } from '../../../src/safetensors/writer.ts'
import { testEngines } from '../../device/devices.ts'
import { maxDifference, tinyBatch, tinyFile } from '../../peft/tiny-falcon.ts'
import { changedTiny, tinyFolder } from '../tiny-files.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))
const table = 'transformer.word_embeddings.weight'

/** The tiny model in another dtype. */
const encoded = (dtype: 'F16' | 'BF16') =>
  changedTiny((tensors) =>
    tensors.map(({ name, shape, data }) => {
      return { name, shape, dtype, data: encodeFloats(data as Float32Array, dtype) }
    }),
  )

describe.each(devices)('loadModel on $description', (device) => {
  const { memory } = device
  const logitsOf = async (model: CausalLm) => {
    const logits = model.forward((await tinyBatch()).batch)
    const values = await logits.read()
    logits.dispose()
    return values
  }
  const lossOf = async (model: CausalLm) => {
    const { batch, labels } = await tinyBatch()
    const loss = model.loss(batch, labels)
    const value = await loss.item()
    loss.dispose()
    return value
  }
  /** Every byte of a model's weights, part by part. */
  const bytesOf = async (model: CausalLm) => {
    const parts = [...model.namedWeights()].flatMap(([name, { tensors }]) =>
      tensors.map((tensor, i) => [`${name} ${i}`, tensor] as const),
    )
    return new Map(await Promise.all(parts.map(async ([name, tensor]) => [name, await tensor.readBytes()] as const)))
  }
  const weightOf = (model: CausalLm, wanted: string) => [...model.namedWeights()].find(([name]) => name === wanted)?.[1]

  it('stores matrices in bf16 where asked to, rounded to nearest, and computes with those', async () => {
    const round = (values: Float32Array) => bf16ToF32(f32ToBf16(values))
    const rounded = await changedTiny((tensors) =>
      tensors.map((tensor) =>
        tensor.shape.length === 2 ? { ...tensor, data: round(tensor.data as Float32Array) } : tensor,
      ),
    )
    const { model: plain } = await loadModel(rounded, { device })
    const [wanted, wantedLoss] = [await logitsOf(plain), await lossOf(plain)]
    plain.dispose()
    const before = memory.liveBytes
    const { model, storage } = await loadModel(tinyFolder, { device, dtype: 'bf16' })
    const dtypes = [...model.namedWeights()].map(([, weight]) => [
      weight.shape.length,
      'dtype' in weight && weight.dtype,
    ])
    expect(new Set(dtypes.map((pair) => pair.join()))).toEqual(new Set(['2,bf16', '1,f32']))
    expect(storage.projections.bitsPerWeight).toBe(16)
    expect(memory.liveBytes - before).toBe(storage.bytes)
    expect(maxDifference(await logitsOf(model), wanted)).toBeLessThan(1e-5)
    expect(Math.abs((await lossOf(model)) - wantedLoss)).toBeLessThan(1e-5)
    model.dispose()
    expect(memory.liveBytes).toBe(before)
  })

  it('copies bf16 bit by bit from a checkpoint that has it, and rounds f16', async () => {
    const original = await (await tinyFile('model.safetensors')).readF32(table)
    for (const dtype of ['BF16', 'F16'] as const) {
      const { model } = await loadModel(await encoded(dtype), { device, dtype: 'bf16' })
      const bits = new Uint16Array((await weightOf(model, table)?.tensors[0]?.readBytes())?.buffer ?? new ArrayBuffer())
      const once = encodeFloats(original, dtype) as Uint16Array
      expect(bits).toEqual(dtype === 'BF16' ? once : encodeFloats(await halves(), 'BF16'))
      model.dispose()
    }
    /** The table as f16 holds it. */
    async function halves(): Promise<Float32Array> {
      const { model } = await loadModel(await encoded('F16'), { device })
      const values = await (weightOf(model, table) as { read(): Promise<Float32Array> }).read()
      model.dispose()
      return values
    }
  })

  it('refuses a number that is not finite in bf16, and frees what it loaded', async () => {
    const files = await changedTiny((tensors) =>
      tensors.map((tensor): TensorToWrite => {
        return tensor.name === table ? { ...tensor, data: (tensor.data as Float32Array).fill(3.4e38, 5, 6) } : tensor
      }),
    )
    const before = memory.liveBytes
    await expect(loadModel(files, { device, dtype: 'bf16' })).rejects.toThrow(
      expect.objectContaining({
        code: 'numeric',
        message: `${table}: element 5 is not finite in bf16, whose largest number is 3.39e38; store it in f32`,
      }),
    )
    expect(memory.liveBytes).toBe(before)
  })

  it.each<QuantizeOptions>([
    {},
    { type: 'fp4', blockSize: 32, doubleQuant: false },
    { type: 'int8', skipModules: ['mlp'] },
    { type: 'nf4', skipModules: ['h.0', 'dense_4h_to_h'] },
  ])('quantises on the way to the bytes that quantising afterwards gives: %o', async (options) => {
    const { model: first } = await loadModel(tinyFolder, { device, quantize: options })
    const { model: second } = await loadModel(tinyFolder, { device })
    const changed = quantize(second, options)
    expect(changed).toHaveLength(options.skipModules === undefined ? 8 : options.skipModules[0] === 'mlp' ? 4 : 3)
    expect(await bytesOf(first)).toEqual(await bytesOf(second))
    for (const model of [first, second]) model.dispose()
  })

  it('keeps what is skipped in its dtype', async () => {
    const { model } = await loadModel(tinyFolder, { device, dtype: 'bf16', quantize: { skipModules: ['mlp'] } })
    const formats = [...model.namedWeights()].map(([name, weight]) => {
      return `${name.replace(/.*\.(mlp|self_attention)\..*(weight|bias)$/, '$1 $2')} ${'dtype' in weight ? weight.dtype : '4 bits'}`
    })
    expect(new Set(formats.filter((format) => format.includes('weight') && /^(mlp|self)/.test(format)))).toEqual(
      new Set(['mlp weight bf16', 'self_attention weight 4 bits']),
    )
    model.dispose()
  })

  it('refuses what int8 cannot hold', async () => {
    const name = 'transformer.h.1.mlp.dense_h_to_4h.weight'
    const files = await changedTiny((tensors) =>
      tensors.map((tensor): TensorToWrite => {
        return tensor.name === name ? { ...tensor, data: (tensor.data as Float32Array).fill(65520, 3, 4) } : tensor
      }),
    )
    await expect(loadModel(files, { device, quantize: { type: 'int8' } })).rejects.toThrow(
      expect.objectContaining({
        code: 'numeric',
        message: `${name}: row 0 goes beyond 65504, the largest f16, which int8 codes are made from; store it in 4 bits or f32`,
      }),
    )
  })
})
