import { describe, expect, it } from 'vitest'
import { joined } from '../../src/core/bytes.ts'
import { readGgufHeader } from '../../src/gguf/header.ts'
import { ggufTensors } from '../../src/gguf/reader.ts'
import { encodeGgufHeader, type GgufEntry, type GgufTensorToWrite, streamGguf } from '../../src/gguf/writer.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { ggufFile, u32 } from './gguf-file.ts'

async function written(
  metadata: readonly GgufEntry[],
  tensors: readonly (GgufTensorToWrite & { readonly data: ArrayBufferView })[],
): Promise<Uint8Array> {
  const header = encodeGgufHeader(metadata, tensors)
  const pieces: Uint8Array[] = []
  for await (const piece of streamGguf(header, async (name) => {
    return tensors.find((tensor) => tensor.name === name)?.data ?? new Uint8Array(0)
  })) {
    pieces.push(piece)
  }
  const file = joined(pieces)
  expect(file.length).toBe(header.fileBytes)
  return file
}

describe('a GGUF file that is written', () => {
  it('has the bytes of one made by hand', async () => {
    const file = await written(
      [{ key: 'a', type: 'uint32', value: 7 }],
      [{ name: 't', type: 'F32', shape: [2, 3], data: new Float32Array(6) }],
    )
    const tensors = [{ name: 't', sizes: [3, 2], type: 0, offset: 0 }]
    expect(file).toEqual(ggufFile({ entries: [['a', 4, u32(7)]], tensors, data: 32 }))
  })

  it('is read back: every type of value, lists, and tensors that do not fill their alignment', async () => {
    const metadata: readonly GgufEntry[] = [
      { key: 'u', type: 'uint32', value: 2 ** 32 - 1 },
      { key: 'i', type: 'int32', value: -5 },
      { key: 'f', type: 'float32', value: 0.1 },
      { key: 'yes', type: 'bool', value: true },
      { key: 'no', type: 'bool', value: false },
      { key: 's', type: 'string', value: 'naïve 🩺' },
      { key: 'texts', type: 'string', value: Array.from({ length: 900 }, (_, i) => `token ${i}`) },
      { key: 'scores', type: 'float32', value: [0, -1.5] },
      { key: 'ids', type: 'uint32', value: Array.from({ length: 9000 }, (_, i) => i) },
      { key: 'none', type: 'int32', value: [] },
    ]
    const a = Float32Array.of(1, 2, 3)
    const b = Uint16Array.of(0x3c00, 0xc000)
    const file = await written(metadata, [
      { name: 'b', type: 'F16', shape: [2, 1], data: b },
      { name: 'a', type: 'F32', shape: [3], data: a },
    ])
    const source = bytesSource(file)
    const header = await readGgufHeader(source)
    const values = metadata.map(({ key, value }) => [key, key === 'f' ? Math.fround(0.1) : value])
    expect([...header.metadata]).toEqual(values)
    const tensors = ggufTensors(source, header)
    expect(tensors.names).toEqual(['b', 'a'])
    expect(tensors.info('b')).toMatchObject({ dtype: 'F16', shape: [2, 1] })
    expect(await tensors.readF32('b')).toEqual(Float32Array.of(1, -2))
    expect(await tensors.readF32('a')).toEqual(a)
  })

  it('is refused where it could not be read: names twice or too long, shapes, and data of another length', async () => {
    const tensor = { name: 't', type: 'F32', shape: [2], data: new Float32Array(2) } as const
    const key = { key: 'a', type: 'bool', value: true } as const
    await expect(written([key, key], [])).rejects.toThrow('writeGguf: key "a" is there twice')
    await expect(written([], [tensor, tensor])).rejects.toThrow('writeGguf: tensor "t" is there twice')
    await expect(written([], [{ ...tensor, name: 'ä'.repeat(33) }])).rejects.toThrow('has more than 64 bytes')
    await expect(written([], [{ ...tensor, shape: [1, 1, 1, 1, 2] }])).rejects.toThrow('cannot have shape [1,1,1,1,2]')
    await expect(written([], [{ ...tensor, shape: [] }])).rejects.toThrow('tensor "t" F32 cannot have shape []')
    await expect(written([], [{ ...tensor, data: new Float32Array(3) }])).rejects.toThrow(
      'writeGguf: tensor "t" F32 [2] takes 8 bytes, its data has 12',
    )
  })
})
