import { check, MedAwareError } from '../../core/errors.ts'
import type { BufferOwner, DeviceBuffer } from '../buffer.ts'
import type { MemoryDriver } from '../memory.ts'

/** A stretch of the CPU engine's memory. */
export class CpuBuffer implements DeviceBuffer {
  writes = 0
  owner: BufferOwner | null = null

  constructor(
    readonly byteLength: number,
    readonly label: string,
    /** Its first byte; a multiple of 64. */
    readonly pointer: number,
    /** Whose memory it lies in. */
    readonly heap: CpuHeap,
  ) {}
}

/** What the heap needs of the memory it cuts up: sizes are in bytes. */
export interface GrowableMemory {
  readonly byteLength: () => number
  /** Makes it at least that long, or throws. */
  readonly growTo: (byteLength: number) => void
}

const alignment = 64
/**
 * What a 32-bit pointer reaches, less a page: kernels step up to a pointer behind their last byte, which must not be 0.
 */
const mostBytes = 2 ** 32 - 65536

interface Gap {
  start: number
  end: number
}

/**
 * Cuts one growing memory into buffers: the smallest gap that is large enough is taken, neighbouring gaps are joined.
 */
export class CpuHeap implements MemoryDriver {
  /** What is free, by address; no two touch. */
  readonly #gaps: Gap[] = []
  readonly #memory: GrowableMemory
  #end: number

  /** @param base First byte that may be given out. */
  constructor(memory: GrowableMemory, base: number) {
    this.#memory = memory
    this.#end = roundUp(base)
  }

  /** Bytes of the largest buffer there is room for, past the end as well. */
  get largestGap(): number {
    const sizeOf = ({ start, end }: Gap): number => (end === this.#end ? mostBytes : end) - start
    return this.#gaps.reduce((most, gap) => Math.max(most, sizeOf(gap)), mostBytes - this.#end)
  }

  /** Bytes there is room for in all, past the end as well. */
  get freeBytes(): number {
    return mostBytes - this.#used()
  }

  /** @throws MedAwareError `memory` when the memory cannot grow that far. */
  create(byteLength: number, label: string): CpuBuffer {
    const size = Math.max(alignment, roundUp(byteLength))
    const gap = this.#bestGap(size) ?? this.#grow(size, byteLength, label)
    const pointer = gap.start
    gap.start += size
    if (gap.start === gap.end) this.#gaps.splice(this.#gaps.indexOf(gap), 1)
    return new CpuBuffer(byteLength, label, pointer, this)
  }

  destroy(buffer: DeviceBuffer): void {
    if (!(buffer instanceof CpuBuffer)) return
    const start = buffer.pointer
    this.#free(start, start + Math.max(alignment, roundUp(buffer.byteLength)))
  }

  #bestGap(size: number): Gap | undefined {
    let best: Gap | undefined
    for (const gap of this.#gaps) {
      const room = gap.end - gap.start
      if (room >= size && (best === undefined || room < best.end - best.start)) best = gap
    }
    return best
  }

  #grow(size: number, byteLength: number, label: string): Gap {
    const last = this.#gaps.at(-1)
    const start = last !== undefined && last.end === this.#end ? last.start : this.#end
    const end = start + size
    check(
      end <= mostBytes,
      'memory',
      () =>
        `cpu: cannot allocate ${label}, ${byteLength} bytes; ${this.#used()} of the 4294967296 bytes a WebAssembly ` +
        `memory can have are in use, and ${this.largestGap} in one piece are free; quantise the model, or shorten the batch`,
    )
    if (end > this.#memory.byteLength()) {
      try {
        this.#memory.growTo(end)
      } catch (cause) {
        throw new MedAwareError(
          'memory',
          `cpu: cannot allocate ${label}, ${byteLength} bytes; the system gives no more than the ${this.#used()} bytes ` +
            'in use; free memory, or shorten the batch',
          { cause },
        )
      }
    }
    this.#free(this.#end, end)
    this.#end = end
    return this.#gaps.at(-1) as Gap
  }

  #used(): number {
    return this.#gaps.reduce((used, gap) => used - (gap.end - gap.start), this.#end)
  }

  #free(start: number, end: number): void {
    const at = this.#indexAfter(start)
    const before = this.#gaps[at - 1]
    const after = this.#gaps[at]
    const joinsBefore = before !== undefined && before.end === start
    const joinsAfter = after !== undefined && after.start === end
    if (joinsBefore && joinsAfter) {
      before.end = after.end
      this.#gaps.splice(at, 1)
    } else if (joinsBefore) {
      before.end = end
    } else if (joinsAfter) {
      after.start = start
    } else {
      this.#gaps.splice(at, 0, { start, end })
    }
  }

  /** Index of the first gap behind an address. */
  #indexAfter(address: number): number {
    let low = 0
    let high = this.#gaps.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#gaps[middle] as Gap).start < address) low = middle + 1
      else high = middle
    }
    return low
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment
}
