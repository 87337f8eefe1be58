import { check } from '../core/errors.ts'
import type { DeviceBuffer } from './device.ts'
import type { MemoryDriver } from './memory.ts'

/** `GPUBufferUsage` by value: Node has no such global. */
export const usage = { mapRead: 0x1, copySrc: 0x4, copyDst: 0x8, uniform: 0x40, storage: 0x80 } as const

/** A buffer as kernels and tensors hold it; the GPU buffer behind it may serve another one after its release. */
export class WebGpuBuffer implements DeviceBuffer {
  constructor(
    readonly byteLength: number,
    readonly label: string,
    readonly block: Block,
  ) {}
}

/** A GPU buffer and the number that names it in cache keys. */
export interface Block {
  readonly gpu: GPUBuffer
  readonly id: number
}

/**
 * Makes buffers and keeps released ones for the next of their size: making one costs more than a small kernel.
 * What it keeps is bounded in bytes; the oldest go first.
 */
export class BufferPool implements MemoryDriver {
  #nextId = 0
  #idleBytes = 0
  readonly #idle: Block[] = []
  readonly #idleStaging: GPUBuffer[] = []
  readonly #device: GPUDevice
  readonly #idleLimit: number
  /** Destroys a buffer that queued work may still name, after that work has gone out. */
  readonly #retire: (gpu: GPUBuffer) => void

  constructor(device: GPUDevice, idleLimit: number, retire: (gpu: GPUBuffer) => void) {
    this.#device = device
    this.#idleLimit = idleLimit
    this.#retire = retire
  }

  /** Bytes of GPU buffers kept for reuse. */
  get idleBytes(): number {
    return this.#idleBytes
  }

  create(byteLength: number, label: string): WebGpuBuffer {
    const limit = this.#device.limits.maxBufferSize
    check(
      byteLength <= limit,
      'memory',
      () => `webgpu: cannot allocate ${label}, ${byteLength} bytes are over this adapter's maxBufferSize of ${limit}`,
    )
    const size = sizeClass(byteLength, limit)
    const at = this.#idle.findLastIndex((block) => block.gpu.size === size)
    const [found] = at < 0 ? [] : this.#idle.splice(at, 1)
    if (found !== undefined) {
      this.#idleBytes -= size
      found.gpu.label = label
      return new WebGpuBuffer(byteLength, label, found)
    }
    const gpu = this.#device.createBuffer({ label, size, usage: usage.storage | usage.copySrc | usage.copyDst })
    return new WebGpuBuffer(byteLength, label, { gpu, id: this.#nextId++ })
  }

  destroy(buffer: DeviceBuffer): void {
    const { block } = asWebGpu(buffer)
    this.#idle.push(block)
    this.#idleBytes += block.gpu.size
    while (this.#idleBytes > this.#idleLimit) {
      const oldest = this.#idle.shift()
      if (oldest === undefined) break
      this.#idleBytes -= oldest.gpu.size
      this.#retire(oldest.gpu)
    }
  }

  /** A buffer the host can map, of at least `byteLength` bytes; give it back with `releaseStaging`. */
  staging(byteLength: number): GPUBuffer {
    const at = this.#idleStaging.findIndex((gpu) => gpu.size >= byteLength)
    const [found] = at < 0 ? [] : this.#idleStaging.splice(at, 1)
    const size = Math.max(byteLength, smallStaging)
    return found ?? this.#device.createBuffer({ label: 'download', size, usage: usage.mapRead | usage.copyDst })
  }

  /** Keeps small staging buffers, which every step's loss needs, and destroys large ones. */
  releaseStaging(gpu: GPUBuffer): void {
    if (gpu.size <= smallStaging && this.#idleStaging.length < 4) this.#idleStaging.push(gpu)
    else gpu.destroy()
  }

  /** Destroys what is kept. */
  clear(): void {
    for (const block of this.#idle.splice(0)) block.gpu.destroy()
    for (const gpu of this.#idleStaging.splice(0)) gpu.destroy()
    this.#idleBytes = 0
  }
}

const smallStaging = 64 * 1024

/** Rounds up to a multiple of 256 and of an eighth of the power of two below, so that near sizes share buffers. */
function sizeClass(byteLength: number, limit: number): number {
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(Math.max(1, byteLength))) - 3))
  const size = Math.max(step, Math.ceil(byteLength / step) * step)
  return size <= limit ? size : Math.min(limit, Math.ceil(byteLength / 16) * 16)
}

/** @throws MedAwareError `device` for a buffer of another device. */
export function asWebGpu(buffer: DeviceBuffer): WebGpuBuffer {
  check(buffer instanceof WebGpuBuffer, 'device', () => `webgpu: buffer ${buffer.label} belongs to another device`)
  return buffer
}
