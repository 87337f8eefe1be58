import { afterAll, describe, expect, it } from 'vitest'
import { bf16ToF32, f16ToF32 } from '../../src/core/float16.ts'
import { Random } from '../../src/core/random.ts'
import { filledTensor } from '../../src/formats/fill-tensor.ts'
import { encodeFloats } from '../../src/safetensors/float16.ts'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource, type ByteSource } from '../../src/safetensors/source.ts'
import { writeSafetensors, type TensorToWrite } from '../../src/safetensors/writer.ts'
import { testEngines } from '../device/devices.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

/** More than two slices, and a last one of an odd number of elements. */
const count = 2 * 2 * 1024 * 1024 + 12_345
const random = new Random(5)
const values = Float32Array.from({ length: count }, () => random.normal())
// The smallest numbers of a format, which an adapter may not have.
values.set([1e-7, 6e-8, -1e-5, 1e-38], 1000)
const same = (a: ArrayBufferView, b: ArrayBufferView) =>
  Buffer.compare(
    Buffer.from(a.buffer, a.byteOffset, a.byteLength),
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  ) === 0

/** A reader that keeps to the memory it is given, and counts what is read at a time. */
function countingSource(bytes: Uint8Array): ByteSource & { readonly reads: number[] } {
  const source = bytesSource(bytes)
  const reads: number[] = []
  return {
    ...source,
    reads,
    async read(begin, end, into) {
      reads.push(end - begin)
      const part = await source.read(begin, end)
      if (into === undefined) return part.slice()
      into.set(part)
      return into.subarray(0, part.length)
    },
  }
}

async function readerOf(tensor: Omit<TensorToWrite, 'name' | 'shape'>) {
  const source = countingSource(writeSafetensors([{ ...tensor, name: 'x', shape: [count] }]))
  return { reader: await openSafetensors(source), source }
}

describe.each(devices)('filledTensor on $description', (device) => {
  it.each(['F32', 'F16', 'BF16'] as const)('brings %s exactly, in slices of at most 8 MiB', async (dtype) => {
    const data = encodeFloats(values, dtype)
    const exact =
      dtype === 'F32' ? values : dtype === 'F16' ? f16ToF32(data as Uint16Array) : bf16ToF32(data as Uint16Array)
    const { reader, source } = await readerOf({ dtype, data })
    const before = device.memory.liveBytes
    const full = await filledTensor(reader, 'x', { device, shape: [count], dtype: 'f32', label: 'x' })
    expect(same(await full.read(), exact)).toBe(true)
    full.dispose()
    if (dtype !== 'F32') {
      const half = await filledTensor(reader, 'x', {
        device,
        shape: [count],
        dtype: dtype === 'F16' ? 'f16' : 'bf16',
        label: 'x',
      })
      expect(same(await half.read(), exact)).toBe(true)
      half.dispose()
    }
    expect(device.memory.liveBytes).toBe(before)
    expect(Math.max(...source.reads)).toBeLessThanOrEqual(8 * 1024 * 1024)
  })

  it('brings bytes and rounds doubles', async () => {
    const bytes = Uint8Array.from({ length: count }, (_, i) => i * 7)
    const { reader } = await readerOf({ dtype: 'U8', data: bytes })
    const codes = await filledTensor(reader, 'x', { device, shape: [count], dtype: 'u8', label: 'x' })
    expect(same(await codes.readBytes(), bytes)).toBe(true)
    codes.dispose()
    const doubles = await readerOf({ dtype: 'F64', data: Float64Array.from(values, (x) => x * (1 + 1e-12)) })
    const full = await filledTensor(doubles.reader, 'x', { device, shape: [count], dtype: 'f32', label: 'x' })
    expect(
      same(
        await full.read(),
        Float32Array.from(values, (x) => x * (1 + 1e-12)),
      ),
    ).toBe(true)
    full.dispose()
  })

  it('names the element that is not finite, in whichever slice, and leaves nothing', async () => {
    const before = [device.memory.liveBytes, device.memory.liveBuffers]
    for (const at of [0, 2 * 1024 * 1024 + 17, count - 1]) {
      const { reader } = await readerOf({ dtype: 'BF16', data: encodeFloats(values.with(at, NaN), 'BF16') })
      await expect(filledTensor(reader, 'x', { device, shape: [count], dtype: 'f32', label: 'x' })).rejects.toThrow(
        `x: element ${at} of the checkpoint is NaN or infinite; the file is damaged, or its training diverged`,
      )
    }
    expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual(before)
  })

  it('says that a read failed, while the next one is under way', async () => {
    const source = countingSource(writeSafetensors([{ name: 'x', dtype: 'F32', shape: [count], data: values }]))
    const reader = await openSafetensors({
      ...source,
      read: (begin, end, into) => {
        if (source.reads.length > 2) return Promise.reject(new Error('the disk is gone'))
        return source.read(begin, end, into)
      },
    })
    const before = device.memory.liveBytes
    await expect(filledTensor(reader, 'x', { device, shape: [count], dtype: 'f32', label: 'x' })).rejects.toThrow(
      'the disk is gone',
    )
    expect(device.memory.liveBytes).toBe(before)
  })
})
