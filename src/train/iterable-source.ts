import { check } from '../core/errors.ts'
import { type BatchPass, type Batches, openPass } from './batch-pass.ts'
import type { BatchSource, DataPosition, StepBatches } from './batch-source.ts'
import type { Predictor } from '../models/example.ts'
import { isLabelled, labelCountOf, tokenCountOf } from './labelled-batch.ts'

/** A step whose batches are being read. */
interface OpenStep {
  readonly index: number
  /** Where its first batch is. */
  from: DataPosition
  readonly batches: unknown[]
  /** Where the step after it begins, once it has all its batches. */
  after: DataPosition | null
}

const start = (epoch: number): DataPosition => ({ epoch, batches: 0, hash: '' })

/**
 * Batches of an iterable, as they come: `gradientAccumulationSteps` of them a step, or what is left of a pass. When a
 * pass has ended the next is opened, as transformers does with an IterableDataset.
 */
export class IterableSource implements BatchSource {
  readonly stepsPerEpoch = Infinity
  readonly #data: Batches<unknown>
  readonly #model: Predictor
  readonly #perStep: number
  #pass: BatchPass | null = null
  #step: OpenStep = stepAt(0, start(0))

  /** @param perStep Batches of a step. */
  /** @param model What predicts the labels. */
  constructor(data: Batches<unknown>, perStep: number, model: Predictor) {
    this.#model = model
    this.#data = data
    this.#perStep = perStep
  }

  async take(index: number, signal?: AbortSignal): Promise<StepBatches | null> {
    const step = this.#stepOf(index)
    try {
      if (!(await this.#read(step, signal))) return null
    } catch (error) {
      // What has failed is at its end; going on begins with the step's first batch.
      this.close()
      step.batches.length = 0
      throw error
    }
    const labelled = step.batches.filter(isLabelled)
    const sum = (counts: readonly number[]) => counts.reduce((all, each) => all + each, 0)
    return {
      epoch: step.from.epoch,
      batches: step.batches,
      tokens: sum(labelled.map(tokenCountOf)),
      labelTokens: sum(labelled.map((batch) => labelCountOf(batch, this.#model))),
    }
  }

  positionAt(index: number): DataPosition {
    return this.#stepOf(index).from
  }

  seek(index: number, position: DataPosition | null): void {
    this.#step = stepAt(index, position ?? start(0))
  }

  close(): void {
    this.#pass?.close()
    this.#pass = null
  }

  #stepOf(index: number): OpenStep {
    if (this.#step.index + 1 === index && this.#step.after !== null) this.#step = stepAt(index, this.#step.after)
    check(this.#step.index === index, 'config', () => {
      return `TrainingRun: the batches of step ${index + 1} are not those that come next; restore a checkpoint of that step`
    })
    return this.#step
  }

  /** Reads a step's batches; false when `signal` is aborted before all have come. */
  async #read(step: OpenStep, signal?: AbortSignal): Promise<boolean> {
    while (step.after === null) {
      const pass = await this.#passAt(step, signal)
      const next = (await pass?.next(signal)) ?? null
      if (pass === null || next === null) return false
      if (next.done !== true) step.batches.push(next.value)
      else this.#endOf(pass, step)
      if (step.batches.length === this.#perStep) step.after = pass.position
    }
    return true
  }

  /** The pass, brought to where the step's next batch is; null when `signal` is aborted on the way. */
  async #passAt({ from, batches }: OpenStep, signal?: AbortSignal): Promise<BatchPass | null> {
    const wanted = from.batches + batches.length
    if (this.#pass !== null && (this.#pass.epoch !== from.epoch || this.#pass.batches > wanted)) this.close()
    const pass = (this.#pass ??= openPass(this.#data, from.epoch))
    return pass.batches === wanted || (await pass.skipTo(from, signal)) ? pass : null
  }

  /** What is left of a pass is a step; where nothing is, the step is the first of the next pass. */
  #endOf(pass: BatchPass, step: OpenStep): void {
    check(pass.batches > 0, 'config', () => `TrainingRun: there is no batch to train on in pass ${pass.epoch + 1}`)
    this.close()
    const next = start(pass.epoch + 1)
    if (step.batches.length > 0) step.after = next
    else step.from = next
  }
}

function stepAt(index: number, from: DataPosition): OpenStep {
  return { index, from, batches: [], after: null }
}
