import type { KernelProfile } from '../kernel-profile.ts'
import type { KernelName } from '../register/kernels.ts'
import { usage } from './buffer-pool.ts'
import type { Faults } from './faults.ts'
import type { Params } from '../register/param-type.ts'

interface Call {
  readonly name: KernelName
  readonly params: Params
}

const stampBytes = 8
const mapModeRead = 1

/** Measures dispatches by timestamps at the two ends of their passes, read back a batch at a time, without waiting. */
export class KernelTimer {
  readonly #device: GPUDevice
  readonly #profile: KernelProfile
  readonly #faults: Faults
  readonly #stamps: GPUQuerySet
  readonly #resolved: GPUBuffer
  #calls: Call[] = []
  readonly #reading = new Set<Promise<void>>()

  /** @param most Dispatches of a batch. */
  constructor(device: GPUDevice, most: number, profile: KernelProfile, faults: Faults) {
    this.#device = device
    this.#profile = profile
    this.#faults = faults
    this.#stamps = device.createQuerySet({ label: 'profile', type: 'timestamp', count: 2 * most })
    const size = 2 * most * stampBytes
    this.#resolved = device.createBuffer({ label: 'profile', size, usage: usage.queryResolve | usage.copySrc })
  }

  /** What the pass of a batch's dispatch number `slot` writes. */
  writes(slot: number): GPUComputePassTimestampWrites {
    return { querySet: this.#stamps, beginningOfPassWriteIndex: 2 * slot, endOfPassWriteIndex: 2 * slot + 1 }
  }

  add(name: KernelName, params: Params): void {
    this.#calls.push({ name, params })
  }

  /** Ends a batch; what it returns starts reading, after the submit. */
  resolve(encoder: GPUCommandEncoder): () => void {
    const calls = this.#calls
    this.#calls = []
    if (calls.length === 0) return () => undefined
    const size = 2 * calls.length * stampBytes
    const staging = this.#device.createBuffer({ label: 'profile', size, usage: usage.mapRead | usage.copyDst })
    encoder.resolveQuerySet(this.#stamps, 0, 2 * calls.length, this.#resolved, 0)
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, size)
    return () => {
      const reading = this.#read(staging, calls)
        // A fault is thrown by whatever waits for the batch itself.
        .catch(() => undefined)
        .finally(() => this.#reading.delete(reading))
      this.#reading.add(reading)
    }
  }

  /** Waits until all batches sent so far are in the profile. */
  async settle(): Promise<void> {
    await Promise.all(this.#reading)
  }

  close(): void {
    this.#stamps.destroy()
    this.#resolved.destroy()
  }

  async #read(staging: GPUBuffer, calls: readonly Call[]): Promise<void> {
    try {
      await this.#faults.unlessLost('reading timestamps', staging.mapAsync(mapModeRead))
      const stamps = new BigUint64Array(staging.getMappedRange())
      calls.forEach(({ name, params }, i) => {
        const nanoseconds = (stamps[2 * i + 1] ?? 0n) - (stamps[2 * i] ?? 0n)
        // Some adapters' clocks run back now and then.
        this.#profile.add(name, params, Math.max(0, Number(nanoseconds)) / 1e6)
      })
    } finally {
      staging.destroy()
    }
  }
}
