import { check } from '../../core/errors.ts'
import type { CausalLm } from '../causal-lm.ts'
import type { KeyValueCache } from '../../ops/attention.ts'
import { empty, rowsOf, type Tensor } from '../../tensor/tensor.ts'

/**
 * Keys and values of every layer of a model, f32 [b, heads, virtual tokens + capacity, dim] each: lengths and room are
 * counted without the virtual tokens of the model's prompt. They belong to no scope: whoever makes them disposes them.
 */
export class KeyValueCaches {
  #length = 0
  #capacity: number
  /** Keys and values by turns, so that one that cannot be had leaves the rest in order. */
  readonly #tensors: Tensor[] = []
  readonly #model: CausalLm
  readonly #rows: number
  /** Virtual tokens that stand before the text. */
  readonly #before: number

  /**
   * @param rows Sequences in the batch.
   * @param capacity Tokens there is room for at first.
   * @throws MedAwareError `memory`.
   */
  constructor(model: CausalLm, rows: number, capacity: number) {
    this.#model = model
    this.#rows = rows
    this.#before = model.virtualTokens ?? 0
    this.#capacity = capacity
    try {
      for (let layer = 0; layer < model.numHiddenLayers; layer++) {
        for (const label of ['key cache', 'value cache']) this.#tensors.push(this.#allocate(capacity, label))
      }
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  /** Tokens held. */
  get length(): number {
    return this.#length
  }

  /** Tokens there is room for. */
  get capacity(): number {
    return this.#capacity
  }

  /**
   * What the model is given, one a layer; good until the next `reserve` or `advance`. @throws MedAwareError `config`
   * where the model has another prompt than when they were made.
   */
  get perLayer(): readonly KeyValueCache[] {
    const [tensors, length, before] = [this.#tensors, this.#length, this.#model.virtualTokens ?? 0]
    check(before === this.#before, 'config', () => {
      return `caches: they are behind ${this.#before} virtual tokens, and the model has ${before} now; make new ones`
    })
    return tensors.flatMap((k, i) => (i % 2 === 0 ? [{ k, v: tensors[i + 1] ?? k, length }] : []))
  }

  /**
   * Makes room for `tokens` more. Grows to twice the room there was, or to `limit` where that is less, tensor by
   * tensor, so that one at a time is held twice. @throws MedAwareError `memory`.
   */
  reserve(tokens: number, limit = Infinity): void {
    const wanted = this.#length + tokens
    if (wanted <= this.#capacity) return
    const capacity = Math.max(wanted, Math.min(limit, 2 * this.#capacity))
    for (const [i, held] of this.#tensors.entries()) this.#tensors[i] = this.#grow(held, capacity)
    this.#capacity = capacity
  }

  /** Notes that the model wrote `tokens` more. @throws MedAwareError `shape` when there is no room for them. */
  advance(tokens: number): void {
    check(
      this.#length + tokens <= this.#capacity,
      'shape',
      () =>
        `caches: ${this.#length} and ${tokens} more tokens exceed the room for ${this.#capacity}; call reserve first`,
    )
    this.#length += tokens
  }

  /** Lets go of all but the first tokens, which leaves the room as it is. @throws MedAwareError `shape` for more. */
  truncate(length: number): void {
    check(length <= this.#length, 'shape', () => `caches: they hold ${this.#length} tokens, not ${length}`)
    this.#length = length
  }

  /**
   * Caches of their own that begin with the first tokens of these.
   * @param length Of the tokens. @param capacity Tokens there is room for at first, `length` or more.
   * @throws MedAwareError `memory`, and `shape` for more tokens than there are.
   */
  copy(length: number, capacity: number): KeyValueCaches {
    check(length <= this.#length, 'shape', () => `caches: they hold ${this.#length} tokens, not ${length}`)
    const made = new KeyValueCaches(this.#model, this.#rows, Math.max(length, capacity))
    for (const [i, target] of made.#tensors.entries()) {
      const held = this.#tensors[i]
      if (held !== undefined && length > 0) this.#copyTokens(held, target, length)
    }
    made.#length = length
    return made
  }

  /** Of the device's memory. */
  get byteLength(): number {
    return this.#tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  /** Frees them. */
  dispose(): void {
    for (const tensor of this.#tensors.splice(0)) tensor.dispose()
  }

  #allocate(capacity: number, label: string): Tensor {
    const { device, cacheShape } = this.#model
    const shape = [this.#rows, cacheShape[0], this.#before + capacity, cacheShape[1]]
    return device.memory.rooted(() => empty(device, shape, label))
  }

  #grow(held: Tensor, capacity: number): Tensor {
    const grown = this.#allocate(capacity, held.buffer.label)
    if (this.#length > 0) this.#copyTokens(held, grown, this.#length)
    held.dispose()
    return grown
  }

  /** What stands before the text goes along. */
  #copyTokens(held: Tensor, target: Tensor, length: number): void {
    const [from = 0, to = 0] = [held.shape[2], target.shape[2]]
    const tokens = this.#before + length
    for (let head = 0; head < held.rows / from; head++) {
      const source = rowsOf(held, head * from, head * from + tokens)
      this.#model.device.copy(source, rowsOf(target, head * to, head * to + tokens))
    }
  }
}
