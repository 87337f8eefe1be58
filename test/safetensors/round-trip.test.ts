import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
// @ts-expect-error: the package has no types.
import { SafeTensor } from 'safetensors'
import {
  bf16ToF32,
  bytesSource,
  encodeFloats,
  encodeSafetensorsHeader,
  openSafetensors,
  streamSafetensors,
  writeSafetensors,
} from '../../src/safetensors/index.ts'
import type { SafetensorsDType, TensorData, TensorToWrite } from '../../src/safetensors/index.ts'
import { openFixture, readFixture } from '../fixtures/open-fixture.ts'

const arrays: Record<SafetensorsDType, (bytes: ArrayBuffer) => TensorData> = {
  F64: (bytes) => new Float64Array(bytes),
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => new Uint16Array(bytes),
  BF16: (bytes) => new Uint16Array(bytes),
  I64: (bytes) => new BigInt64Array(bytes),
  I32: (bytes) => new Int32Array(bytes),
  I16: (bytes) => new Int16Array(bytes),
  I8: (bytes) => new Int8Array(bytes),
  U8: (bytes) => new Uint8Array(bytes),
  BOOL: (bytes) => new Uint8Array(bytes),
}
const dtypes = Object.keys(arrays) as SafetensorsDType[]
const sizes: Record<string, number> = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, I16: 2 }

const anyTensor = fc
  .record({
    name: fc.string({ unit: 'binary', maxLength: 12 }).filter((name) => name !== '__metadata__'),
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    seed: fc.nat(),
  })
  .map(({ name, dtype, shape, seed }): TensorToWrite & { data: TensorData } => {
    const bytes = new Uint8Array(shape.reduce((count, size) => count * size, sizes[dtype] ?? 1))
    bytes.forEach((_, i) => (bytes[i] = (seed + i * 37) % 120))
    return { name, dtype, shape, data: arrays[dtype](bytes.buffer) }
  })
const anyTensors = fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 8 })
const anyMetadata = fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined })

describe('what is written', () => {
  it('reads back, wherever in memory it lies', async () => {
    await fc.assert(
      fc.asyncProperty(anyTensors, anyMetadata, fc.nat(9), async (tensors, metadata, shift) => {
        const written = writeSafetensors(tensors, metadata)
        const shifted = new Uint8Array(written.length + shift).subarray(shift)
        shifted.set(written)
        const file = await openSafetensors(bytesSource(shifted))
        expect({ ...file.metadata }).toEqual({ ...metadata })
        expect([...file.names].sort()).toEqual(tensors.map(({ name }) => name).sort())
        for (const { name, dtype, shape, data } of tensors) {
          expect(file.info(name)).toMatchObject({ dtype, shape })
          expect(await file.read(name)).toEqual(data)
          const { begin } = file.info(name)
          expect((written.length - (await lengthOfData(file.names, file)) + begin) % (sizes[dtype] ?? 1)).toBe(0)
        }
      }),
    )
  })

  it('does not depend on the order it was given in', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        expect(writeSafetensors([...tensors].reverse())).toEqual(writeSafetensors(tensors))
      }),
    )
  })

  it('streams to the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(anyTensors, anyMetadata, async (tensors, metadata) => {
        const load = async (name: string) => tensors.find((tensor) => tensor.name === name)?.data ?? new Uint8Array(0)
        const pieces: number[] = []
        for await (const piece of streamSafetensors(tensors, load, metadata)) pieces.push(...piece)
        expect(Uint8Array.from(pieces)).toEqual(writeSafetensors(tensors, metadata))
        expect(encodeSafetensorsHeader(tensors, metadata).fileBytes).toBe(pieces.length)
      }),
    )
  })

  it('is read alike by the npm package safetensors', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        const other = new SafeTensor(writeSafetensors(tensors))
        for (const { name, dtype, shape, data } of tensors) {
          expect(other.metadata.get(name)).toMatchObject({ dtype, shape })
          expect(other.getTensor(name)).toEqual(new Uint8Array(data.buffer))
        }
      }),
    )
  })

  it('is byte for byte what the Rust library writes', async () => {
    const floats = { dtype: 'F32', data: Float32Array.of(0, 1, 2, 3, 4, 5) } as const
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
    expect(hex(writeSafetensors([{ name: 'attn.0', shape: [1, 2, 3], ...floats }]))).toBe(
      '@\0\0\0\0\0\0\0{"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}}' +
        '\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xa0@',
    )
    expect(hex(writeSafetensors([{ name: 'attn0', shape: [1, 1, 2, 3], ...floats }]))).toBe(
      'H\0\0\0\0\0\0\0{"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       ' +
        '\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xa0@',
    )
    expect(hex(writeSafetensors([]))).toBe('\x08\0\0\0\0\0\0\0{}      ')
    expect(hex(writeSafetensors([], { framework: 'pt' }))).toBe(
      '(\0\0\0\0\0\0\0{"__metadata__":{"framework":"pt"}}     ',
    )

    const golden = await readFixture('lora-adapter.safetensors')
    const file = await openSafetensors(bytesSource(golden))
    const tensors = file.names.map(async (name) => ({ name, ...file.info(name), data: await file.readBytes(name) }))
    expect(writeSafetensors(await Promise.all(tensors), file.metadata)).toEqual(new Uint8Array(golden))
  })
})

describe('a file PEFT wrote', () => {
  it('gives the numbers Python reads in it', async () => {
    const file = await openFixture('lora-adapter.safetensors')
    const prefix = 'base_model.model.transformer.h'
    expect(file.metadata).toEqual({ format: 'pt' })
    expect(file.names.map((name) => name.replace(`${prefix}.`, ''))).toEqual(
      [0, 1].flatMap((layer) =>
        ['A', 'B'].map((side) => `${layer}.self_attention.query_key_value.lora_${side}.weight`),
      ),
    )
    const a = await file.readF32(`${prefix}.0.self_attention.query_key_value.lora_A.weight`)
    const b = await file.readF32(`${prefix}.1.self_attention.query_key_value.lora_B.weight`)
    const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0)
    expect([a[0], a[1], b[0], b[1]]).toEqual([
      0.050656016916036606, 0.005836350843310356, -0.03355884924530983, 0.018797071650624275,
    ])
    expect(sum(a)).toBeCloseTo(-1.1304167288908502, 12)
    expect(sum(b)).toBeCloseTo(2.308565773495502, 12)
  })
})

describe('readF32', () => {
  const values = Float32Array.of(1, -2.5, 0.333251953125, 65504)
  it.each([
    ['F32', values, values],
    ['F16', encodeFloats(values, 'F16'), values],
    ['BF16', encodeFloats(values, 'BF16'), bf16ToF32(Uint16Array.of(0x3f80, 0xc020, 0x3eab, 0x4780))],
    ['F64', Float64Array.of(0.1, 1e300, -2, 0), Float32Array.of(0.1, Infinity, -2, 0)],
    ['I64', BigInt64Array.of(-1n, 16777217n, 3n, 0n), Float32Array.of(-1, 16777216, 3, 0)],
    ['I32', Int32Array.of(-1, 2, 1 << 30, 0), Float32Array.of(-1, 2, 2 ** 30, 0)],
    ['I16', Int16Array.of(-32768, 1, 2, 3), Float32Array.of(-32768, 1, 2, 3)],
    ['I8', Int8Array.of(-128, 1, 2, 3), Float32Array.of(-128, 1, 2, 3)],
    ['U8', Uint8Array.of(255, 1, 2, 3), Float32Array.of(255, 1, 2, 3)],
    ['BOOL', Uint8Array.of(1, 0, 1, 0), Float32Array.of(1, 0, 1, 0)],
  ] as const)('converts %s', async (dtype, data, expected) => {
    const file = await openSafetensors(bytesSource(writeSafetensors([{ name: 't', dtype, shape: [4], data }])))
    expect(await file.readF32('t')).toEqual(expected)
  })
})

describe('refusals', () => {
  const tensor = { name: 'w', dtype: 'F32', shape: [2], data: new Float32Array(2) } as const
  it.each([
    [[tensor, tensor], 'writeSafetensors: two tensors are called "w"'],
    [[{ ...tensor, name: '__metadata__' }], 'writeSafetensors: no tensor may be called __metadata__'],
    [[{ ...tensor, shape: [3] }], 'writeSafetensors: tensor "w" F32 [3] takes 12 bytes, its data has 8'],
    [[{ ...tensor, shape: [-2, -1] }], 'writeSafetensors: tensor "w" cannot have shape [-2,-1]'],
    [
      [{ ...tensor, shape: [2 ** 40, 2 ** 40] }],
      'writeSafetensors: tensor "w" cannot have shape [1099511627776,1099511627776]',
    ],
    [[{ ...tensor, shape: Array(1025).fill(1) }], 'writeSafetensors: tensor "w" cannot have shape [1,1,1,1,'],
    [[{ ...tensor, name: 'w\ud800' }], 'writeSafetensors: a tensor\'s name must be Unicode text, got "w\\ud800"'],
    [[{ ...tensor, dtype: 'f32' as never }], 'writeSafetensors: tensor "w": unknown dtype "f32"'],
  ])('of the writer, %#', (tensors, message) => {
    expect(() => writeSafetensors(tensors)).toThrow(message)
  })

  it('of the writer, for metadata that is no text', () => {
    const rule = 'writeSafetensors: metadata must map Unicode texts to Unicode texts, got '
    expect(() => writeSafetensors([tensor], { step: 3 as never })).toThrow(`${rule}"step": 3`)
    expect(() => writeSafetensors([tensor], { step: '\ud83d' })).toThrow(`${rule}"step": "\\ud83d"`)
  })

  it('of the reader, for a name that is not there', async () => {
    const file = await openSafetensors(bytesSource(writeSafetensors([tensor]), 'model.safetensors'))
    expect(file.has('v')).toBe(false)
    expect(() => file.info('v')).toThrow('model.safetensors: no tensor "v" among its 1')
    await expect(file.readF32('v')).rejects.toThrow('model.safetensors: no tensor "v" among its 1')
  })
})

async function lengthOfData(names: readonly string[], file: { info(name: string): { end: number } }): Promise<number> {
  return Math.max(0, ...names.map((name) => file.info(name).end))
}
