import type { DeviceBuffer } from '../device/buffer.ts'
import { copyOf, empty, type Tensor } from '../tensor/tensor.ts'

/**
 * Gradients on their way back. Two values may share one gradient, so each counts its holders; those with a place share
 * none.
 */
export class Gradients {
  readonly #byValue = new Map<Tensor, Tensor>()
  readonly #holders = new Map<DeviceBuffer, number>()
  readonly #places: ReadonlyMap<Tensor, Tensor>
  /** Values with a place whose gradient has come. */
  readonly #landed = new Set<Tensor>()

  /** @param places What gradients of some values are added to, at first zeros; they stay the caller's. */
  constructor(places: ReadonlyMap<Tensor, Tensor>) {
    this.#places = places
    for (const place of places.values()) this.hold(place)
  }

  put(value: Tensor, gradient: Tensor): void {
    const place = this.#places.get(value)
    if (place !== undefined) {
      this.#landed.add(value)
      // The rule was handed the place, and has added there.
      if (gradient.buffer === place.buffer) return
      place.device.run('accumulate', { x: gradient, target: place }, { count: place.count, alpha: 1 })
      if (!this.#holders.has(gradient.buffer)) gradient.dispose()
      return
    }
    const before = this.#byValue.get(value)
    if (before === undefined) {
      this.#byValue.set(value, gradient)
      this.hold(gradient)
      return
    }
    const sum = sumOf(before, gradient)
    this.#byValue.set(value, sum)
    this.hold(sum)
    this.release(before)
    if (!this.#holders.has(gradient.buffer)) gradient.dispose()
  }

  /** Counts one more holder, who has to release it. */
  hold(gradient: Tensor): void {
    this.#holders.set(gradient.buffer, (this.#holders.get(gradient.buffer) ?? 0) + 1)
  }

  /** Hands over the gradient of `value`; the caller releases it. */
  take(value: Tensor): Tensor | null {
    const gradient = this.#byValue.get(value) ?? null
    this.#byValue.delete(value)
    return gradient
  }

  /** The same, in a buffer that nobody else holds, or in its place. */
  takeOwn(value: Tensor): Tensor | null {
    const place = this.#places.get(value)
    if (place !== undefined) {
      this.hold(place)
      return place
    }
    const gradient = this.take(value)
    if (gradient === null || this.#holders.get(gradient.buffer) === 1) return gradient
    const own = copyOf(gradient, 'gradient copy')
    this.hold(own)
    this.release(gradient)
    return own
  }

  /** Takes back what `takeOwn` handed over, and nothing was added to. */
  putBack(value: Tensor, gradient: Tensor): void {
    if (!this.#places.has(value)) this.put(value, gradient)
  }

  release(gradient: Tensor): void {
    const holders = (this.#holders.get(gradient.buffer) ?? 1) - 1
    if (holders > 0) this.#holders.set(gradient.buffer, holders)
    else {
      this.#holders.delete(gradient.buffer)
      gradient.dispose()
    }
  }

  /** The gradients of `wanted`, each in its place or with a buffer of its own. */
  pick(wanted: ReadonlySet<Tensor>): Map<Tensor, Tensor> {
    const taken = new Set<DeviceBuffer>()
    const picked = new Map<Tensor, Tensor>()
    for (const value of wanted) {
      const place = this.#landed.has(value) ? this.#places.get(value) : undefined
      const gradient = place ?? this.#byValue.get(value)
      if (gradient === undefined) continue
      const own = place === undefined && taken.has(gradient.buffer) ? copyOf(gradient, 'gradient copy') : gradient
      taken.add(own.buffer)
      picked.set(value, own)
    }
    return picked
  }
}

function sumOf(a: Tensor, b: Tensor): Tensor {
  const { device } = a
  const out = empty(device, a.shape, 'gradient sum')
  device.run('add', { a, b, out }, { count: a.count, alpha: 1 })
  return out
}
