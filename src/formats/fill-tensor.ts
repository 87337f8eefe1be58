import { bf16ToF32, f16ToF32, findNonFinite } from '../core/float16.ts'
import { check } from '../core/errors.ts'
import type { DType } from '../core/dtype.ts'
import type { Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import { bytesOf, type SafetensorsDType, type TensorData } from '../safetensors/dtype.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import { dequantize } from '../ops/dequantize.ts'
import { type HalfType, isHalf, roundToHalf } from '../tensor/half.ts'
import { empty, type HostValues, Tensor } from '../tensor/tensor.ts'

/**
 * Elements that are read and converted at a time: 8 MiB as f32. Memory of the host that loading needs is a few times
 * that.
 */
const sliceCount = 2 * 1024 * 1024

/**
 * Copies a checkpoint's tensor into one on a device, slice by slice, so that no more than a few slices are on the host;
 * while one is converted and copied the next is read.
 * @param target As many elements, in f32 or 16 bits; or in u8 as many bytes, which are copied as they are, whatever
 * words the checkpoint has them in.
 * @throws MedAwareError `numeric` for what is not finite, in the checkpoint or in 16 bits.
 */
async function fillTensor(reader: TensorReader, name: string, target: Tensor): Promise<void> {
  const { device, buffer, dtype, byteOffset, count, byteLength } = target
  const from = reader.info(name).dtype
  const width = dtype === 'u8' ? bytesOf(from) : 1
  const window = (begin: number, length: number) =>
    new Tensor(device, [length * width], dtype, buffer, byteOffset + begin * width * (byteLength / count))
  const most = Math.min(sliceCount, count)
  const half = dtype === 'f32' ? halfOf(device, from) : null
  const staging = half === null ? null : device.memory.rooted(() => empty(device, [most], `${name} as it comes`, half))
  const scratch = dtype === 'u8' || half !== null ? noNumbers : new Float32Array(most)
  try {
    for await (const { begin, data } of readSlices(reader, name, count / width)) {
      const to = window(begin, data.length)
      if (dtype === 'u8') to.write(bytesIn(data))
      else {
        checkFinite(name, begin, data, from)
        if (staging !== null && data.length % wideRow === 0) widenOnDevice(staging, data as Uint16Array, to)
        else to.write(encode(name, begin, data, from, dtype, scratch))
      }
      await device.settle()
    }
  } finally {
    staging?.dispose()
  }
}

/** Elements that one thread widens at a time. */
const wideRow = 4096
const noNumbers = new Float32Array(0)

/** The format of 16 bits that a device widens exactly; adapters of WebGPU may take the smallest numbers for 0. */
function halfOf({ kind }: Device, from: SafetensorsDType): HalfType | null {
  if (kind !== 'cpu') return null
  return from === 'BF16' ? 'bf16' : from === 'F16' ? 'f16' : null
}

/** Lets the device make f32 of numbers of 16 bits, which are half as much to copy. */
function widenOnDevice(staging: Tensor, bits: Uint16Array, to: Tensor): void {
  const { device, dtype, buffer } = staging
  const rows = new Tensor(device, [bits.length / wideRow, wideRow], dtype, buffer)
  dequantize(rows.write(bits), to)
}

/** How a tensor is made. */
export interface TensorToFill {
  readonly device: Device
  readonly shape: Shape
  readonly dtype: DType
  readonly label: string
}

/**
 * A new tensor that belongs to nobody, with the numbers of a checkpoint's. @throws MedAwareError `numeric`, `memory`,
 * or as the reader.
 */
export async function filledTensor(reader: TensorReader, name: string, to: TensorToFill): Promise<Tensor> {
  const tensor = to.device.memory.rooted(() => empty(to.device, to.shape, to.label, to.dtype))
  try {
    await fillTensor(reader, name, tensor)
    return tensor
  } catch (error) {
    tensor.dispose()
    throw error
  }
}

/** A run of a tensor's elements. */
export interface Slice {
  /** Its first element. */
  readonly begin: number
  readonly data: TensorData
}

/** A tensor's elements in order. What is given is good until the next but one is asked for. */
export async function* readSlices(reader: TensorReader, name: string, count: number): AsyncGenerator<Slice, undefined> {
  const bytes = Math.min(sliceCount, count) * bytesOf(reader.info(name).dtype)
  const memory = [new Uint8Array(bytes), new Uint8Array(count > sliceCount ? bytes : 0)] as const
  const read = (i: number) => {
    const [begin, end] = [i * sliceCount, Math.min((i + 1) * sliceCount, count)]
    const slice = reader.read(name, { begin, end, into: memory[(i % 2) as 0 | 1] })
    // Awaited later, or not at all where the one before it fails.
    slice.catch(() => undefined)
    return { begin, slice }
  }
  let next = read(0)
  try {
    for (let i = 0; i * sliceCount < count; i++) {
      const { begin, slice } = next
      const data = await slice
      if ((i + 1) * sliceCount < count) next = read(i + 1)
      yield { begin, data }
    }
  } finally {
    // The source may be closed after this.
    await next.slice.catch(() => undefined)
  }
}

/** Numbers in the format of a tensor; as f32 in `scratch`, where they are not that already and it has room. */
function encode(
  name: string,
  begin: number,
  data: TensorData,
  from: SafetensorsDType,
  to: DType,
  scratch: Float32Array<ArrayBuffer>,
): HostValues {
  if (from.toLowerCase() === to) return data as HostValues
  const values = widen(data, from, scratch.length < data.length ? new Float32Array(data.length) : scratch)
  return isHalf(to) ? roundToHalf(values, to, name, begin) : values
}

/** A checkpoint's numbers as f32: themselves where they are that, else in `scratch`. */
export function widen(data: TensorData, from: SafetensorsDType, scratch: Float32Array<ArrayBuffer>): Float32Array {
  if (data instanceof Float32Array) return data
  const values = scratch.subarray(0, data.length)
  if (from === 'BF16') return bf16ToF32(data as Uint16Array, values)
  if (from === 'F16') return f16ToF32(data as Uint16Array, values)
  for (let i = 0; i < values.length; i++) values[i] = Number(data[i])
  return values
}

/** @throws MedAwareError `numeric` where a number of the checkpoint is infinite or none. */
function checkFinite(name: string, begin: number, data: TensorData, from: SafetensorsDType): void {
  let bad = -1
  if (data instanceof Float32Array)
    bad = findNonFinite(new Uint32Array(data.buffer, data.byteOffset, data.length), 0x7f800000)
  else if (data instanceof Uint16Array) bad = findNonFinite(data, from === 'BF16' ? 0x7f80 : 0x7c00)
  else if (data instanceof Float64Array) bad = data.findIndex((value) => !Number.isFinite(Math.fround(value)))
  check(bad < 0, 'numeric', () => {
    return `${name}: element ${begin + bad} of the checkpoint is NaN or infinite; the file is damaged, or its training diverged`
  })
}

function bytesIn({ buffer, byteOffset, byteLength }: TensorData): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
