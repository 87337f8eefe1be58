import { nextTurn } from '#platform'
import { check } from '../../../../core/errors.ts'
import type { Device } from '../../../../device/device.ts'
import { matmul } from '../../../../ops/matmul.ts'
import { fromArray, type Tensor, zeros } from '../../../../tensor/tensor.ts'
import { keptTokens, openBatches, type StartBatch, type StartBatches } from './batches.ts'
import type { ReadInputs } from './layer-inputs.ts'
import type { LongStart } from './long-start.ts'

/** How covariances are summed up. */
export interface CovarianceWork extends Pick<LongStart, 'who' | 'signal'> {
  /** Told before each batch. */
  readonly onBatch?: () => void
  /** Of covariances that are summed up at once; for more, the batches are gone through again. Default: 1 GiB. */
  readonly mostBytes?: number
}

/** The layers that get the same input, and the covariance of it: f32 [in, in]. */
export interface InputCovariance {
  readonly paths: readonly string[]
  readonly size: number
  readonly values: Float32Array
}

/**
 * Gives the covariances of what layers get, one after another: the mean over texts of xᵀx, where x [tokens, in] is the
 * input of one text, divided by the magnitude of its largest element as peft/tuners/lora/corda.py writes it,
 * `max(x).abs()`. A row of a batch is a text, and padding is none of it.
 * @throws MedAwareError `config` for batches that are none or can be gone through once alone, `numeric` for inputs that
 * are not finite or have no largest element; what `signal` is aborted with.
 */
export async function* inputCovariances(
  read: ReadInputs,
  paths: readonly string[],
  batches: StartBatches,
  { who, signal, onBatch, mostBytes = 2 ** 30 }: CovarianceWork,
): AsyncGenerator<InputCovariance> {
  const open = new Set(paths)
  while (open.size > 0) {
    const sums = new Map<string, Sum>()
    try {
      let bytes = 0
      let isFirst = true
      for await (const batch of openBatches(who, batches)) {
        signal?.throwIfAborted()
        onBatch?.()
        await read(batch, isFirst ? open : new Set(sums.keys()), async (those, x) => {
          const [lead = ''] = those
          const size = x.columns
          if (isFirst && (sums.size === 0 || bytes + 4 * size * size <= mostBytes)) {
            sums.set(lead, new Sum(x.device, those, size))
            bytes += 4 * size * size
          }
          await sums.get(lead)?.take(who, batch, x)
          await nextTurn()
          signal?.throwIfAborted()
        })
        isFirst = false
      }
      check(!isFirst, 'config', () => {
        return open.size === paths.length
          ? `${who}: batches has no batch; give some to start from`
          : `${who}: the batches cannot be gone through again, as so many layers need; give a list, or a function that opens them, () => batches()`
      })
      check(sums.size > 0, 'unsupported', () => `${who}: ${[...open][0]} gets nothing of the batches; leave it out`)
      for (const sum of sums.values()) {
        for (const path of sum.paths) open.delete(path)
        yield { paths: sum.paths, size: sum.size, values: await sum.end() }
      }
    } finally {
      for (const sum of sums.values()) sum.dispose()
    }
  }
}

/** A sum of covariances on the device. */
class Sum {
  readonly #sum: Tensor
  #texts = 0

  constructor(
    readonly device: Device,
    readonly paths: readonly string[],
    readonly size: number,
  ) {
    this.#sum = device.memory.rooted(() => zeros(device, [size, size], `covariance of what ${paths[0]} gets`))
  }

  /** Takes in each row of a batch. @param x f32 [b, t, in] or [b · t, in]. */
  async take(who: string, batch: StartBatch, x: Tensor): Promise<void> {
    const values = await x.read()
    const kept = keptTokens(batch, null)
    const [rows, tokens] = batch.shape
    for (let row = 0; row < rows; row++) {
      const text = textOf(values, kept.subarray(row * tokens, (row + 1) * tokens), row * tokens, this.size)
      if (text.length === 0) continue
      const largest = Math.abs(text.reduce((most, value) => Math.max(most, value), -Infinity))
      check(largest > 0 && Number.isFinite(largest), 'numeric', () => {
        return `${who}: the largest element of what ${this.paths[0]} gets of a text is ${largest}, by which it is divided; leave it out of targetModules`
      })
      for (let i = 0; i < text.length; i++) text[i] = (text[i] as number) / largest
      this.device.memory.scoped(() => {
        const there = fromArray(this.device, text, [text.length / this.size, this.size], 'input of one text')
        matmul(there, there, { transA: true, out: this.#sum, accumulate: true })
      })
      this.#texts++
    }
  }

  /** The mean over texts. Frees the sum. */
  async end(): Promise<Float32Array> {
    const values = await this.#sum.read()
    for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) / this.#texts
    this.dispose()
    return values
  }

  dispose(): void {
    this.#sum.dispose()
  }
}

/** The tokens of a text that are no padding, from the first on. */
function textOf(values: Float32Array, kept: Uint8Array, first: number, size: number): Float32Array<ArrayBuffer> {
  const places = [...kept.keys()].filter((token) => kept[token] === 1)
  const text = new Float32Array(places.length * size)
  for (const [to, token] of places.entries()) {
    text.set(values.subarray((first + token) * size, (first + token + 1) * size), to * size)
  }
  return text
}
