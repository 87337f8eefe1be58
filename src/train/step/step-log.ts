import type { Device } from '../../device/device.ts'
import { empty, rowsOf, type Tensor } from '../../tensor/tensor.ts'

/** Numbers of a step: its loss, the factor of clipping and the gradient norm. */
const numbersOfStep = 3

/** What a step's work came to. */
export interface StepNumbers {
  readonly loss: number
  /** Before clipping. */
  readonly gradNorm: number
}

/** Losses and norms of a few steps, which stay on the device until they are read together. */
export class StepLog {
  readonly #numbers: Tensor
  readonly #reading = new Set<Promise<unknown>>()
  #noted = 0

  /** @param most Steps between two readings. */
  constructor(device: Device, most: number) {
    this.#numbers = device.memory.rooted(() => empty(device, [most, numbersOfStep], 'losses and norms'))
  }

  /** Takes a copy of a step's loss f32 [1] and of what clipping gave, f32 [2]. */
  note(loss: Tensor, clip: Tensor): void {
    const { device, buffer } = this.#numbers
    const at = 4 * numbersOfStep * this.#noted++
    device.copy(loss, { buffer, byteOffset: at, byteLength: 4 })
    device.copy(clip, { buffer, byteOffset: at + 4, byteLength: 8 })
  }

  /** Starts to read what was noted since the last time; a caller who leaves meanwhile need not wait for it. */
  read(): Promise<StepNumbers[]> {
    const count = this.#noted
    this.#noted = 0
    const reading = rowsOf(this.#numbers, 0, count).read()
    const done = reading.then((values) =>
      Array.from({ length: count }, (_, i) => {
        const [loss = NaN, , gradNorm = NaN] = values.subarray(numbersOfStep * i)
        return { loss, gradNorm }
      }),
    )
    const ended: Promise<unknown> = done.catch(() => undefined).finally(() => this.#reading.delete(ended))
    this.#reading.add(ended)
    return done
  }

  /** Frees its buffer, when nothing is being read any more. */
  async dispose(): Promise<void> {
    this.#numbers.dispose()
    await Promise.all(this.#reading)
  }
}
