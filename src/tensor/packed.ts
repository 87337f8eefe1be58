import { countOf, type Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import type { DeviceBuffer } from '../device/buffer.ts'
import { Tensor, zeros } from './tensor.ts'

/** A kernel's window of a buffer begins at a multiple of so many bytes. */
const alignment = 256
/** A buffer of several tensors stays below what every adapter binds at once, 128 MiB. */
const mostBytes = 64 * 1024 * 1024

/**
 * f32 tensors of zeros, side by side in as few buffers as there can be of 64 MiB at most: what lies together is
 * updated together. Each can be bound alone; disposing of one frees all on its buffer.
 */
export function packedZeros(device: Device, shapes: readonly Shape[], label: string): readonly Tensor[] {
  const packs: { shapes: Shape[]; bytes: number }[] = []
  for (const shape of shapes) {
    const bytes = nextWindow(4 * countOf(shape))
    const pack = packs.at(-1)
    if (pack !== undefined && pack.bytes + bytes <= mostBytes) {
      pack.shapes.push(shape)
      pack.bytes += bytes
    } else packs.push({ shapes: [shape], bytes })
  }
  return packs.flatMap((pack) => {
    const { buffer } = zeros(device, [pack.bytes / 4], label)
    let at = 0
    return pack.shapes.map((shape) => {
      const tensor = new Tensor(device, shape, 'f32', buffer, at)
      at = nextWindow(at + tensor.byteLength)
      return tensor
    })
  })
}

/**
 * Zeros for those tensors that share a buffer with others: windows at the same places of as long a buffer, so that what
 * goes over the tensors in one go can go over these as well.
 */
export function zerosBeside(tensors: Iterable<Tensor>): ReadonlyMap<Tensor, Tensor> {
  const beside = new Map<Tensor, Tensor>()
  for (const [{ byteLength }, together] of byBuffer(tensors)) {
    if (together.length === 1) continue
    const { device } = together[0]
    const { buffer } = zeros(device, [byteLength / 4], 'gradients')
    for (const tensor of together) {
      beside.set(tensor, new Tensor(device, tensor.shape, 'f32', buffer, tensor.byteOffset))
    }
  }
  return beside
}

/** Tensors by the buffer that they lie on, each in the order they come in. */
export function byBuffer(tensors: Iterable<Tensor>): ReadonlyMap<DeviceBuffer, [Tensor, ...Tensor[]]> {
  const groups = new Map<DeviceBuffer, [Tensor, ...Tensor[]]>()
  for (const tensor of tensors) {
    const others = groups.get(tensor.buffer)
    if (others) others.push(tensor)
    else groups.set(tensor.buffer, [tensor])
  }
  return groups
}

/** Where the next window may begin, for bytes up to `end` in use. */
export function nextWindow(end: number): number {
  return Math.ceil(end / alignment) * alignment
}
