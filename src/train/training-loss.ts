import { check } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import { Tensor } from '../tensor/tensor.ts'
import { isLabelled } from './labelled-batch.ts'

/** What a loss is told of the optimiser step that its batch is a part of. */
export interface LossContext {
  /**
   * Label tokens of all the step's batches together (transformers' num_items_in_batch): a sum over the batch's labels
   * is divided by it. Where batches have no labels it is `microBatches`, and a mean over the batch is divided by it.
   */
  readonly normalizer: number
  /** Batches of the step. */
  readonly microBatches: number
  /** The step, from 1. */
  readonly step: number
}

/** A loss, and what else is to be told of its batch. */
export interface LossAndMetrics {
  /** f32 [1]. */
  readonly loss: Tensor
  /**
   * f32 [1] by name, the same names each time; a step reports their means over its batches. They stay on the device
   * until the loss is read, so that they cost no wait.
   */
  readonly metrics: Readonly<Record<string, Tensor>>
}

/**
 * A loss of the user's own, in the place of the model's: f32 [1], this batch's share of the step's loss, for the shares
 * of a step are added up; metrics may come beside it. It is made of recorded ops and changes nothing, since a device
 * may rehearse it. Where it has `settings`, as `describedLoss` gives it, checkpoints and `run.json` say them.
 */
export type TrainingLoss<B> = {
  // Written as a method, so that a run need not know its batches to hold their loss.
  of(model: CausalLm, batch: B, context: LossContext): Tensor | LossAndMetrics
}['of'] & { readonly settings?: LossSettings }

/** What tells a loss from another: its kind, and JSON. */
export type LossSettings = JsonObject & { readonly type: string }

/** A loss that says what it is, so that a run is not gone on with by another one unnoticed. */
export function describedLoss<B>(settings: LossSettings, loss: TrainingLoss<B>): TrainingLoss<B> {
  return Object.assign<TrainingLoss<B>, { settings: LossSettings }>((...given) => loss(...given), { settings })
}

/**
 * The mean cross-entropy of the step's labels, smoothed, as the model gives it. @throws MedAwareError `config` for
 * batches of another kind.
 */
export function modelLoss(model: CausalLm, batch: unknown, { normalizer }: LossContext, smoothing: number): Tensor {
  check(isLabelled(batch), 'config', () => {
    return `TrainingRun: a batch must be { inputIds, labels, shape }, or the option loss know what to do with it, got ${show(batch)}`
  })
  return model.loss(batch, batch.labels, normalizer, smoothing)
}

/** What a loss gave, the one way or the other. */
export function partsOfLoss(given: Tensor | LossAndMetrics): {
  loss: unknown
  metrics: Readonly<Record<string, unknown>>
} {
  const both: unknown = given
  const isBoth = typeof both === 'object' && both !== null && !(both instanceof Tensor) && 'loss' in both
  return isBoth ? { metrics: {}, ...both } : { loss: both, metrics: {} }
}

/**
 * What a loss gave. @throws MedAwareError `config` unless it is a tensor that training can move, `shape` and `dtype`
 * unless f32 [1].
 */
export function checkLoss(model: CausalLm, loss: unknown): Tensor {
  check(loss instanceof Tensor, 'config', () => {
    return `TrainingRun: the loss must be a tensor, f32 [1], and there when the function returns, got ${show(loss)}`
  })
  check(loss.dtype === 'f32' && loss.count === 1, 'shape', () => {
    return `TrainingRun: the loss must be f32 [1], not ${loss.dtype} ${showShape(loss.shape)}; take its mean or sum`
  })
  check(loss.device === model.device, 'config', () => 'TrainingRun: the loss is on another device than the model')
  check(loss.requiresGrad, 'config', () => {
    return 'TrainingRun: the loss depends on no trainable parameter; make it of recorded ops on what the model gives'
  })
  return loss
}
