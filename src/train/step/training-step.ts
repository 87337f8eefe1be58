import { nextTurn } from '#platform'
import { valueAndGrad } from '../../autograd/value-and-grad.ts'
import { check } from '../../core/errors.ts'
import { Random } from '../../core/random.ts'
import type { CausalLm } from '../../models/causal-lm.ts'
import { seedDropout, stopDropout } from '../../nn/dropout.ts'
import { add } from '../../ops/add.ts'
import type { Optimizer } from '../../optim/optimizer.ts'
import type { AdapterTraining } from '../../peft/adapter-training.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { StepBatches } from '../batch-source.ts'
import { firstNotFinite } from './diagnosis.ts'
import { GradientAccumulator, type StepShare } from './gradient-accumulator.ts'
import type { GradientWatch } from '../gradient-watch.ts'
import { checkSameMetrics, packMetrics, type StepMetrics } from './step-metrics.ts'
import { checkLoss, type LossContext, modelLoss, partsOfLoss, type TrainingLoss } from '../training-loss.ts'

/** Seconds of a micro-batch from which on a device can be waited for between two at no cost that counts. */
const longMicroBatch = 0.25

/** Keeps the draws of noise apart from those of dropout. */
const noiseLabel = 0x4ef7

/** What steps are taken with. */
export interface StepParts {
  readonly model: CausalLm
  readonly optimizer: Optimizer
  /** Default: the model's own. */
  readonly loss: TrainingLoss<unknown> | undefined
  /** Of the adapters' methods. */
  readonly trainings: AdapterTraining
  readonly maxGradNorm: number
  /** Looks at the first steps' gradients, where anybody listens. */
  readonly watch: GradientWatch | null
  /** Of dropout and noise. */
  readonly seed: number
  /** Of the embeddings; null for none. */
  readonly neftuneNoiseAlpha: number | null
  /** Of the model's own loss. */
  readonly labelSmoothingFactor: number
  readonly disableDropout: boolean
}

/** @throws MedAwareError `config` where embeddings are to get noise, and the model has none. */
export function checkNoise(model: CausalLm, options: Pick<StepParts, 'neftuneNoiseAlpha'>): void {
  check(options.neftuneNoiseAlpha === null || model.embeddingNoise !== undefined, 'config', () => {
    return 'TrainingRun: neftuneNoiseAlpha is for models that put noise on embeddings, which this one does not; leave it out'
  })
}

/** Told what a step came to: loss f32 [1], what clipping gave, f32 [2], and metrics, which go when it returns. */
export type NoteStep = (loss: Tensor, clip: Tensor, metrics: StepMetrics | null, microBatches: number) => void

/** One optimiser step. */
export interface Step extends StepBatches {
  /** Steps that were done before. */
  readonly index: number
  readonly learningRate: number
}

/** Takes optimiser steps. Between two micro-batches the event loop turns, and the device is whoever's comes first. */
export class StepTaker {
  readonly #parts: StepParts
  /** When the last step was begun, and its micro-batches. */
  #last = { started: Infinity, microBatches: 1 }
  /** Of the metrics that the loss has given so far. */
  #names: readonly string[] | null = null

  constructor(parts: StepParts) {
    this.#parts = parts
  }

  /**
   * Queues a step.
   * @returns false when `signal` is aborted between two micro-batches; nothing has changed then.
   */
  async take(step: Step, note: NoteStep, signal?: AbortSignal): Promise<boolean> {
    const { device } = this.#parts.model
    const turn = this.#areLong() ? () => device.settle() : nextTurn
    this.#last = { started: performance.now(), microBatches: step.batches.length }
    const gradients = new GradientAccumulator(device.memory)
    try {
      for (const micro of step.batches.keys()) {
        if (micro > 0) await turn()
        if (signal?.aborted === true) return false
        this.#add(gradients, step, micro)
      }
      const finish = this.#update(gradients, step, (loss, clip) => {
        note(loss, clip, gradients.total.metrics, step.batches.length)
        const { optimizer, trainings, watch } = this.#parts
        watch?.see(optimizer.steps, gradients.total.grads)
        return trainings.afterStep({ step: optimizer.steps, grads: gradients.total.grads, clip })
      })
      await finish?.()
      return true
    } finally {
      gradients.dispose()
    }
  }

  /** Whether a GPU has so much to do that a signal would come too late for what has been queued. */
  #areLong(): boolean {
    const { started, microBatches } = this.#last
    return performance.now() - started > 1000 * longMicroBatch * microBatches
  }

  /** Goes through a step at once, for a device that only rehearses it. */
  rehearse(step: Step): void {
    const { optimizer, model } = this.#parts
    const { steps } = optimizer
    const gradients = new GradientAccumulator(model.device.memory)
    try {
      for (const micro of step.batches.keys()) this.#add(gradients, step, micro)
      this.#update(gradients, step, () => null)
    } finally {
      gradients.dispose()
      optimizer.steps = steps
    }
  }

  /** Goes through a step that was not finite again, and says which tensor is the first such one. */
  diagnose(step: Step): Promise<string> {
    const passes = step.batches.map((_, micro) => () => this.#pass(step, micro))
    return firstNotFinite(this.#parts.model, passes)
  }

  #add(gradients: GradientAccumulator, step: Step, micro: number): void {
    gradients.add(() => this.#pass(step, micro))
  }

  /** Forward and backward of a micro-batch. */
  #pass({ batches, labelTokens, index }: Step, micro: number): StepShare {
    const { model, loss: ownLoss, trainings, seed, labelSmoothingFactor, neftuneNoiseAlpha } = this.#parts
    const microBatches = batches.length
    const context: LossContext = { normalizer: labelTokens || microBatches, microBatches, step: index + 1 }
    if (this.#parts.disableDropout) stopDropout(model)
    else seedDropout(model, seed, index, micro)
    if (neftuneNoiseAlpha !== null) {
      model.embeddingNoise = { alpha: neftuneNoiseAlpha, seed: Random.of(seed, noiseLabel, index, micro).nextUint32() }
    }
    const told: StepMetrics[] = []
    const gradOf = valueAndGrad(model, (batch: unknown, keep) => {
      const given = ownLoss?.(model, batch, context) ?? modelLoss(model, batch, context, labelSmoothingFactor)
      const { loss, metrics } = partsOfLoss(given)
      const own = checkLoss(model, loss)
      const packed = packMetrics(model.device, metrics)
      if (packed !== null) {
        keep(packed.values)
        told.push(packed)
      }
      // As in PEFT, whose models add it to their own loss alone; once a step, not once a micro-batch.
      const penalty = ownLoss === undefined && micro === 0 ? trainings.penalty() : null
      return penalty === null ? own : add(own, penalty)
    })
    const { loss, grads } = gradOf(batches[micro])
    const [metrics = null] = told
    const names = metrics?.names ?? []
    checkSameMetrics((this.#names ??= names), names)
    return { loss, grads, metrics }
  }

  /** @param after Told the step's loss and clipping, and gives what is left to do. */
  #update<T>(gradients: GradientAccumulator, { learningRate }: Step, after: (loss: Tensor, clip: Tensor) => T): T {
    const { model, optimizer, maxGradNorm } = this.#parts
    const { memory } = model.device
    const { loss, grads } = gradients.total
    return memory.rooted(() =>
      memory.scoped(() => {
        const clip = optimizer.step(grads, learningRate, maxGradNorm)
        return after(loss, clip)
      }),
    )
  }
}
