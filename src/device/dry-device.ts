import { type Binding, type Device, type DeviceLimits, roomFor } from './device.ts'
import type { DeviceBuffer } from './buffer.ts'
import { Memory, type MemoryDriver } from './memory.ts'

/**
 * A device that keeps account of memory as every other does, but holds nothing and computes nothing: a program that
 * runs on it shows what it would take on a real one. Downloads are zeros.
 */
export class DryDevice implements Device, MemoryDriver {
  readonly description = 'dry run'
  readonly memory = new Memory(this)
  readonly profile = null
  readonly tuning = {}
  readonly limits: DeviceLimits = { bufferBytes: Infinity, freeBytes: null }
  #largest: DeviceBuffer = { byteLength: 0, label: 'nothing', writes: 0, owner: null }

  constructor(readonly kind: Device['kind']) {}

  /** The largest buffer made so far. */
  get largest(): DeviceBuffer {
    return this.#largest
  }

  create(byteLength: number, label: string): DeviceBuffer {
    const buffer = { byteLength, label, writes: 0, owner: null }
    if (byteLength > this.#largest.byteLength) this.#largest = buffer
    return buffer
  }

  destroy(): void {}
  upload(): void {}
  copy(): void {}
  run(): void {}
  dispose(): void {}

  async download(source: Binding, into?: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    return roomFor(source, into)
  }

  async prepare(): Promise<void> {}
  async settle(): Promise<void> {}
}
