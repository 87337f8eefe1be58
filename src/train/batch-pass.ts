import { nextTurn } from '#platform'
import { hex32, xxh32 } from '../core/checksum.ts'
import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import type { DataPosition } from './batch-source.ts'
import { isLabelled } from './labelled-batch.ts'

/**
 * Batches to go through one after another: an iterable, such as a generator gives, or a function that opens one for
 * each pass over the data, told how many came before. What can be opened again can be trained on for several passes and
 * after a restart.
 */
export type Batches<B> = AnyIterable<B> | ((epoch: number) => AnyIterable<B>)

/** What `for await` goes through. */
export type AnyIterable<B> = AsyncIterable<B> | Iterable<B>

/** Iterators that were begun: a generator is its own, and the batches that it has given do not come again. */
const begun = new WeakSet<object>()

/**
 * Begins a pass.
 * @param epoch Passes before.
 * @throws MedAwareError `config` for what cannot be gone through, or not once more; what `data` throws.
 */
export function openPass(data: Batches<unknown>, epoch: number): BatchPass {
  const batches: unknown = typeof data === 'function' ? data(epoch) : data
  check(isIterable(batches), 'config', () => {
    return `TrainingRun: the function must give batches to go through, such as a generator, got ${show(batches)}`
  })
  const iterator = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]()
  check(!begun.has(iterator), 'config', () => {
    return (
      'TrainingRun: the batches have been begun before and cannot be gone through again; ' +
      'give a function that opens them, () => batches(), or fewer maxSteps'
    )
  })
  begun.add(iterator)
  return new BatchPass(iterator, epoch)
}

/** Whether `for await` takes it; texts are none. */
export function isIterable(value: unknown): value is AnyIterable<unknown> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
}

/** One pass over batches, and how far it has come. */
export class BatchPass {
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>
  #waiting: Promise<IteratorResult<unknown>> | null = null
  #batches = 0
  #hash = 0

  constructor(
    iterator: AsyncIterator<unknown> | Iterator<unknown>,
    readonly epoch: number,
  ) {
    this.#iterator = iterator
  }

  /** Batches that were read. */
  get batches(): number {
    return this.#batches
  }

  get position(): DataPosition {
    return { epoch: this.epoch, batches: this.#batches, hash: hex32(this.#hash) }
  }

  /** The next batch; null when `signal` is aborted before it has come, and then it is the next one still. */
  async next(signal?: AbortSignal): Promise<IteratorResult<unknown> | null> {
    if (signal?.aborted === true) return null
    const waiting = (this.#waiting ??= Promise.resolve(this.#iterator.next()))
    const next = await unlessAborted(waiting, signal).catch((error: unknown) => {
      this.#waiting = null
      throw error
    })
    if (next === null) return null
    this.#waiting = null
    if (next.done === true) return next
    this.#batches++
    const { value } = next
    if (isLabelled(value)) {
      for (const ids of [value.inputIds, value.labels]) this.#hash = xxh32(ids, (this.#hash + ids.length) >>> 0)
    }
    return next
  }

  /**
   * Passes over the batches before a position; false when `signal` is aborted on the way.
   * @throws MedAwareError `config` when there are not as many, or their ids or labels are not those of before.
   */
  async skipTo({ batches, hash }: DataPosition, signal?: AbortSignal): Promise<boolean> {
    while (this.#batches < batches) {
      const next = await this.next(signal)
      if (next === null) return false
      check(next.done !== true, 'config', () => {
        return `TrainingRun: there are ${this.#batches} batches, and the saved run had read ${batches}; give the same ones`
      })
      await nextTurn()
    }
    check(hash === '' || hash === hex32(this.#hash), 'config', () => {
      return (
        `TrainingRun: the first ${batches} batches are not those that the saved run had read; give the same ones, or go on ` +
        "with these from their first by acceptDifferences: ['examples']"
      )
    })
    return true
  }

  /** Lets it go. */
  close(): void {
    // Nobody waits for what a generator does in its last lines.
    Promise.resolve(this.#iterator.return?.()).catch(() => undefined)
  }
}
