import type { KernelRow } from '../register/kernel-row.ts'
import { usage } from './buffer-pool.ts'
import type { Params } from '../register/param-type.ts'

/** A kernel's parameters as its uniform block holds them: in the register's order, 4 bytes each. */
export interface ParamLayout {
  readonly names: readonly string[]
  /** Whether each is a whole number (u32), not a factor (f32). */
  readonly isWhole: readonly boolean[]
  /** Places of the factors. */
  readonly factors: readonly number[]
  /** Bytes of the block, rounded to WGSL's 16. */
  readonly byteLength: number
}

/** The same bytes as whole numbers and as factors. */
export class ParamBytes {
  readonly bytes: ArrayBuffer
  readonly #whole: Uint32Array
  readonly #factors: Float32Array

  constructor(byteLength: number) {
    this.bytes = new ArrayBuffer(byteLength)
    this.#whole = new Uint32Array(this.bytes)
    this.#factors = new Float32Array(this.bytes)
  }

  /** Writes a kernel's parameters, from byte `at` on. */
  pack(layout: ParamLayout, params: Params, at: number): void {
    this.repack(packWhole(layout, params), layout, params, at)
  }

  /**
   * The same of a call whose whole numbers were packed before: looking them up by name takes longer than copying them.
   */
  repack(whole: Uint32Array, { names, factors }: ParamLayout, params: Params, at: number): void {
    const first = at / 4
    for (let i = 0; i < whole.length; i++) this.#whole[first + i] = whole[i] ?? 0
    for (const i of factors) this.#factors[first + i] = params[names[i] ?? ''] ?? 0
  }
}

/** Bytes from one call's parameters to the next: at least minUniformBufferOffsetAlignment on every adapter. */
export const slotBytes = 256

/** Parameters that stay on the device for as long as calls with them may come. */
export class SteadyParams {
  readonly #device: GPUDevice
  readonly #buffer: GPUBuffer
  readonly #slots: number
  #used = 0

  constructor(device: GPUDevice, slots: number) {
    this.#device = device
    this.#slots = slots
    const size = slots * slotBytes
    this.#buffer = device.createBuffer({ label: 'steady params', size, usage: usage.uniform | usage.copyDst })
  }

  get isFull(): boolean {
    return this.#used === this.#slots
  }

  /** Puts a call's parameters on the device, of which the whole numbers are packed. */
  add(whole: Uint32Array, layout: ParamLayout, params: Params): GPUBufferBinding {
    const size = layout.byteLength
    const packed = new ParamBytes(size)
    packed.repack(whole, layout, params, 0)
    const offset = slotBytes * this.#used++
    this.#device.queue.writeBuffer(this.#buffer, offset, packed.bytes)
    return { buffer: this.#buffer, offset, size }
  }

  /** Frees all slots, which nothing queued may name. */
  clear(): void {
    this.#used = 0
  }

  dispose(): void {
    this.#buffer.destroy()
  }
}

/** A kernel's parameters with 0 for the factors. */
export function packWhole({ names, isWhole }: ParamLayout, params: Params): Uint32Array {
  return Uint32Array.from(names, (name, i) => (isWhole[i] === true ? (params[name] ?? 0) : 0))
}

export function paramLayout({ params }: KernelRow): ParamLayout {
  const names = Object.keys(params)
  const isWhole = names.map((name) => params[name] === 'u32')
  return {
    names,
    isWhole,
    factors: [...names.keys()].filter((i) => isWhole[i] !== true),
    byteLength: Math.ceil((4 * names.length) / 16) * 16,
  }
}
