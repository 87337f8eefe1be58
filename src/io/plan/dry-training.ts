import { valueAndGrad } from '../../autograd/value-and-grad.ts'
import { check } from '../../core/errors.ts'
import type { PretrainedLm } from '../../models/causal-lm.ts'
import { logitRows } from '../../ops/loss/labelled-logits.ts'
import { createOptimizer, type OptimizerChoice, resolveOptimizer } from '../../optim/optimizers.ts'
import { attachUnstarted, type PlannedAdapter } from '../../peft/attach.ts'

/** Tokens of a forward pass that can be gone through. */
const mostTokens = 2 ** 28

/** How a training step is taken. */
export interface TrainingPlanOptions {
  /** Examples of one forward pass. Default 8, as for `TrainingRun`. */
  readonly batchSize?: number
  /** Tokens of the longest example, padding included. Default: the model's maxPositionEmbeddings. */
  readonly length?: number
  /** Forward passes of one optimiser step. Default 1. */
  readonly gradientAccumulationSteps?: number
  /** Default false. */
  readonly gradientCheckpointing?: boolean
  /** As `TrainingRun` takes it, but for one that is made already. Default 'adamw'. */
  readonly optimizer?: OptimizerChoice
}

/** Bytes of device memory that training takes. */
export interface TrainingBytes {
  /** The adapter's weights. */
  readonly adapter: number
  /** What the optimizer keeps from step to step. */
  readonly optimizer: number
  /** Gradients of what is trained; where an optimiser step has several passes, those of a pass beside their sums. */
  readonly gradients: number
  /** Logits that exist at one time. */
  readonly logits: number
  /** All else that a training step holds at its peak: mostly activations kept for the way back. */
  readonly activations: number
}

/** What a model takes that is only loaded. */
export const noTraining: TrainingBytes = { adapter: 0, optimizer: 0, gradients: 0, logits: 0, activations: 0 }

/**
 * One optimiser step of a model on a dry device, as `TrainingRun` takes it, of batches without padding.
 * @throws MedAwareError `config` for too many tokens, an optimizer that is none, and as `attachAdapter`.
 */
export function dryTraining(model: PretrainedLm, planned: PlannedAdapter, options: TrainingPlanOptions): TrainingBytes {
  const { batchSize = 8, length = model.config.maxPositionEmbeddings, gradientAccumulationSteps = 1 } = options
  check(batchSize * length <= mostTokens, 'config', () => {
    return `planMemory: a batch of ${batchSize} × ${length} tokens is more than ${mostTokens}; say a smaller batchSize or length`
  })
  const choice = resolveOptimizer('planMemory', options.optimizer ?? 'adamw')
  const { device } = model
  const { memory } = device
  const before = memory.liveBytes
  const adapter = attachUnstarted(model, planned, 'planMemory')
  const attached = memory.liveBytes
  const optimizer = createOptimizer('planMemory', choice, [...adapter.namedTrainableParameters().values()])
  const ready = memory.liveBytes
  model.train()
  model.gradientCheckpointing = options.gradientCheckpointing ?? false
  const labels = new Int32Array(batchSize * length)
  const gradOf = valueAndGrad(model, () => {
    return model.loss({ inputIds: new Int32Array(labels.length), shape: [batchSize, length] }, labels)
  })
  memory.resetPeak()
  const gradients = memory.scoped(() => {
    const first = gradOf(undefined)
    // Every pass after the first is like the second.
    if (gradientAccumulationSteps > 1) for (const grad of gradOf(undefined).grads.values()) grad.dispose()
    optimizer.step(first.grads, 1, 1)
    const bytes = [...first.grads.values()].reduce((sum, grad) => sum + grad.byteLength, 0)
    return gradientAccumulationSteps > 1 ? 2 * bytes : bytes
  })
  const logits = 4 * Math.min(logitRows, batchSize * (length - 1)) * model.vocabSize
  return {
    adapter: attached - before,
    optimizer: ready - attached,
    gradients,
    logits,
    activations: memory.peakBytes - ready - logits - gradients,
  }
}
