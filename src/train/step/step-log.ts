import type { Device } from '../../device/device.ts'
import { empty, rowsOf, type Tensor } from '../../tensor/tensor.ts'
import type { StepMetrics } from './step-metrics.ts'

/** Numbers of a step before its metrics: its loss, the factor of clipping and the gradient norm. */
const numbersOfStep = 3

/** What a step's work came to. */
export interface StepNumbers {
  readonly loss: number
  /** Before clipping. */
  readonly gradNorm: number
  /** Means over the step's micro-batches; null for none. */
  readonly metrics: Readonly<Record<string, number>> | null
}

/** Losses, norms and metrics of a few steps, which stay on the device until they are read together. */
export class StepLog {
  readonly #device: Device
  readonly #most: number
  /** Made with the first step, which says how many metrics there are. */
  #numbers: Tensor | null = null
  readonly #reading = new Set<Promise<unknown>>()
  #names: readonly string[] = []
  /** Micro-batches of each step that was noted. */
  #noted: number[] = []

  /** @param most Steps between two readings. */
  constructor(device: Device, most: number) {
    this.#device = device
    this.#most = most
  }

  /**
   * Takes a copy of a step's loss f32 [1], of what clipping gave, f32 [2], and of the sums of its micro-batches'
   * metrics.
   */
  note(loss: Tensor, clip: Tensor, metrics: StepMetrics | null, microBatches: number): void {
    const { names = [], values } = metrics ?? {}
    this.#names = names
    const { memory } = this.#device
    const shape = [this.#most, numbersOfStep + names.length]
    const numbers = (this.#numbers ??= memory.rooted(() => empty(this.#device, shape, 'losses and norms')))
    const { buffer, columns } = numbers
    const at = 4 * columns * (this.#noted.push(microBatches) - 1)
    this.#device.copy(loss, { buffer, byteOffset: at, byteLength: 4 })
    this.#device.copy(clip, { buffer, byteOffset: at + 4, byteLength: 8 })
    if (values === undefined) return
    this.#device.copy(values, { buffer, byteOffset: at + 4 * numbersOfStep, byteLength: values.byteLength })
  }

  /** Starts to read what was noted since the last time; a caller who leaves meanwhile need not wait for it. */
  read(): Promise<StepNumbers[]> {
    const [noted, names, numbers] = [this.#noted, this.#names, this.#numbers]
    this.#noted = []
    if (numbers === null || noted.length === 0) return Promise.resolve([])
    const reading = rowsOf(numbers, 0, noted.length).read()
    const done = reading.then((values) =>
      noted.map((microBatches, step) => {
        const [loss = NaN, , gradNorm = NaN, ...sums] = values.subarray(
          numbers.columns * step,
          numbers.columns * (step + 1),
        )
        const means = names.map((name, i) => [name, (sums[i] ?? NaN) / microBatches] as const)
        return { loss, gradNorm, metrics: names.length === 0 ? null : Object.fromEntries(means) }
      }),
    )
    const ended: Promise<unknown> = done.catch(() => undefined).finally(() => this.#reading.delete(ended))
    this.#reading.add(ended)
    return done
  }

  /** Frees its buffer, when nothing is being read any more. */
  async dispose(): Promise<void> {
    this.#numbers?.dispose()
    await Promise.all(this.#reading)
  }
}
