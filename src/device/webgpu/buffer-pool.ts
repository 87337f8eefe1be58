import { check, MedAwareError } from '../../core/errors.ts'
import type { BufferOwner, DeviceBuffer } from '../buffer.ts'
import type { MemoryDriver } from '../memory.ts'

/** `GPUBufferUsage` by value: Node has no such global. */
export const usage = {
  mapRead: 0x1,
  copySrc: 0x4,
  copyDst: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const

/** A buffer as kernels and tensors hold it; the GPU buffer behind it may serve another one after its release. */
export class WebGpuBuffer implements DeviceBuffer {
  /** Set when it is released. */
  isFreed = false
  writes = 0
  owner: BufferOwner | null = null

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
  /** The GPU buffer's, as the label: to ask it is a call into the browser or Dawn, as dear as a dispatch's. */
  readonly size: number
  label: string
  /** The last batch of commands that binds it. */
  batch: number
}

/** No two blocks have one id, so no device finds what another made. */
let nextId = 0

/** What the pool asks of the device. */
export interface PoolOwner {
  /** Makes a GPU buffer; an adapter that has no memory for it is heard of later. */
  createBuffer(descriptor: GPUBufferDescriptor & { readonly label: string }): GPUBuffer
  /** Destroys a block that queued work may still name, after that work has gone out. */
  retire(block: Block): void
}

/**
 * Makes buffers and keeps released ones for the next of their size: making one costs more than a small kernel. Of
 * several it hands out the one that was made first, whatever the order of their release: so a step gets the buffers of
 * the step before, one by one, and its bind groups are known.
 */
export class BufferPool implements MemoryDriver {
  #liveBytes = 0
  #mostLiveBytes = 0
  #idleBytes = 0
  /** All idle blocks, the longest idle first. */
  readonly #idle = new Set<Block>()
  /** The same by size, the last made first. */
  readonly #idleBySize = new Map<number, Block[]>()
  readonly #idleStaging: GPUBuffer[] = []
  readonly #mostBytes: number
  readonly #idleLimit: number | null
  readonly #owner: PoolOwner

  /**
   * @param mostBytes Of one buffer.
   * @param idleLimit Most bytes kept for reuse; null keeps them as long as no more is held than has been live at one
   * time.
   */
  constructor(mostBytes: number, idleLimit: number | null, owner: PoolOwner) {
    this.#mostBytes = mostBytes
    this.#idleLimit = idleLimit
    this.#owner = owner
  }

  /** Bytes of GPU buffers kept for reuse. */
  get idleBytes(): number {
    return this.#idleBytes
  }

  create(byteLength: number, label: string): WebGpuBuffer {
    const limit = this.#mostBytes
    check(
      byteLength <= limit,
      'memory',
      () => `webgpu: cannot allocate ${label}, ${byteLength} bytes are over this adapter's maxBufferSize of ${limit}`,
    )
    const size = sizeClass(byteLength, limit)
    this.#liveBytes += size
    this.#mostLiveBytes = Math.max(this.#mostLiveBytes, this.#liveBytes)
    const found = this.#idleBySize.get(size)?.pop()
    if (found !== undefined) {
      this.#idle.delete(found)
      this.#idleBytes -= size
      // Once: to tell the browser or Dawn costs as much as a dispatch.
      if (found.label !== label && found.label !== shared) found.gpu.label = found.label = shared
      return new WebGpuBuffer(byteLength, label, found)
    }
    this.#trim()
    const gpu = this.#owner.createBuffer({ label, size, usage: usage.storage | usage.copySrc | usage.copyDst })
    return new WebGpuBuffer(byteLength, label, { gpu, id: nextId++, size, label, batch: -1 })
  }

  destroy(buffer: DeviceBuffer): void {
    const own = asWebGpu(buffer)
    const { block } = own
    const { size } = block
    own.isFreed = true
    this.#liveBytes -= size
    this.#idleBytes += size
    this.#idle.add(block)
    const alike = this.#idleBySize.get(size)
    if (alike === undefined) this.#idleBySize.set(size, [block])
    else alike.splice(placeOf(alike, block.id), 0, block)
    this.#trim()
  }

  /** A buffer the host can map, of at least `byteLength` bytes; give it back with `releaseStaging`. */
  staging(byteLength: number): GPUBuffer {
    const at = this.#idleStaging.findIndex((gpu) => gpu.size >= byteLength)
    const [found] = at < 0 ? [] : this.#idleStaging.splice(at, 1)
    const size = Math.max(byteLength, smallStaging)
    return found ?? this.#owner.createBuffer({ label: 'download', size, usage: usage.mapRead | usage.copyDst })
  }

  /** Keeps small staging buffers, which every step's loss needs, and destroys large ones. */
  releaseStaging(gpu: GPUBuffer): void {
    if (gpu.size <= smallStaging && this.#idleStaging.length < 4) this.#idleStaging.push(gpu)
    else gpu.destroy()
  }

  /** Destroys what is kept. */
  clear(): void {
    for (const block of this.#idle) block.gpu.destroy()
    for (const gpu of this.#idleStaging.splice(0)) gpu.destroy()
    this.#idle.clear()
    this.#idleBySize.clear()
    this.#idleBytes = 0
  }

  /** Lets go of the longest idle blocks until what is kept is within the limit. */
  #trim(): void {
    const limit = this.#idleLimit ?? Math.max(leastKept, this.#mostLiveBytes - this.#liveBytes)
    if (this.#idleBytes <= limit) return
    for (const block of this.#idle) {
      if (this.#idleBytes <= limit) break
      const { size } = block
      const alike = this.#idleBySize.get(size) ?? []
      alike.splice(alike.indexOf(block), 1)
      if (alike.length === 0) this.#idleBySize.delete(size)
      this.#idle.delete(block)
      this.#idleBytes -= size
      this.#owner.retire(block)
    }
  }
}

/** Label of a GPU buffer that has served buffers of different labels. */
const shared = 'pooled'

const smallStaging = 64 * 1024
const leastKept = 256 * 1024 * 1024

/** Where a block stands among those of its size, which descend by id. */
function placeOf(blocks: readonly Block[], id: number): number {
  let [begin, end] = [0, blocks.length]
  while (begin < end) {
    const middle = (begin + end) >> 1
    if ((blocks[middle]?.id ?? 0) > id) begin = middle + 1
    else end = middle
  }
  return begin
}

/** Rounds up to a multiple of 256 and of an eighth of the power of two below, so that near sizes share buffers. */
function sizeClass(byteLength: number, limit: number): number {
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(Math.max(1, byteLength))) - 3))
  const size = Math.max(step, Math.ceil(byteLength / step) * step)
  return size <= limit ? size : Math.min(limit, Math.ceil(byteLength / 16) * 16)
}

/** @throws MedAwareError `device` for a buffer of another device. */
export function asWebGpu(buffer: DeviceBuffer): WebGpuBuffer {
  if (buffer instanceof WebGpuBuffer) return buffer
  throw new MedAwareError('device', `webgpu: buffer ${buffer.label} belongs to another device`)
}
