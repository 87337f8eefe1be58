import { type Batch, behind, withoutLastCopies } from './batch.ts'

/** What of a batch was encoded before its calls came, and what is still to be encoded behind it. */
interface Hit {
  readonly commands: GPUCommandBuffer | null
  readonly rest: Batch
}

/**
 * Encodes the batch to come while the host would only wait for the adapter: a step does what the step before did, with
 * the same buffers. WebGPU submits a command buffer once, so this is done for every step anew. Commands go out only
 * where the calls turn out to be the very ones that they were made of; their parameters are written just before, so
 * that factors, such as a learning rate, may differ.
 */
export class Forecast {
  readonly #encode: (batch: Batch) => GPUCommandBuffer
  /** The last batch that was the first after a wait. */
  #last: Batch | null = null
  /** Whether it was what the one before it was. */
  #isRepeated = false
  #commands: GPUCommandBuffer | null = null
  #isAfterWait = true
  #hits = 0

  constructor(encode: (batch: Batch) => GPUCommandBuffer) {
    this.#encode = encode
  }

  /** Batches that went out as they were foreseen. */
  get hits(): number {
    return this.#hits
  }

  /** Tells of a batch that is to go out. */
  meet(batch: Batch): Hit {
    // Results are copied for the host between any two batches.
    if (!this.#isAfterWait || batch.dispatches.length === 0) return { commands: null, rest: batch }
    this.#isAfterWait = false
    const rest = this.#last && behind(batch, this.#last)
    const commands = this.#commands
    this.#last = withoutLastCopies(batch)
    this.#isRepeated = rest !== null
    this.#commands = null
    if (rest === null || commands === null) return { commands: null, rest: batch }
    this.#hits++
    return { commands, rest }
  }

  /** Tells that the host begins to wait: what comes next is the first batch after a wait. */
  wait(): void {
    this.#isAfterWait = true
  }

  /** Encodes what is foreseen, where anything is. */
  prepare(): void {
    if (this.#isAfterWait && this.#isRepeated && this.#last !== null) this.#commands ??= this.#encode(this.#last)
  }

  /** Foresees nothing, and keeps nothing alive. */
  clear(): void {
    this.#last = this.#commands = null
    this.#isRepeated = false
  }
}
