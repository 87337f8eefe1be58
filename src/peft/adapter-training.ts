import type { StateTensor } from '../optim/optimizer.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** An optimizer's step that has been taken. */
export interface TrainedStep {
  /** Its number, from 1. */
  readonly step: number
  /** Gradients before clipping. */
  readonly grads: ReadonlyMap<Tensor, Tensor>
  /** f32 [2], as `Optimizer.step` gives: the factor that clipping applied to them, 0 where nothing was changed. */
  readonly clip: Tensor
}

/**
 * What a method does while its adapter is trained, beside following gradients, as AdaLoRA lowers ranks. A run calls it;
 * a loop of one's own does the same: `penalty` is added to the loss, once a step, and `afterStep` follows the
 * optimizer's.
 */
export interface AdapterTraining {
  /**
   * A term of a step's loss, f32 [1], with history; `null` for none. Recorded anew at each call, it changes nothing.
   */
  penalty(): Tensor | null
  /**
   * Follows an optimizer's step: queues what it has to do. @returns What is left for when the device can be waited for,
   * which is called and awaited before the next step; `null` for nothing.
   */
  afterStep(step: TrainedStep): (() => Promise<void>) | null
  /** All that it keeps from step to step. Who restores it writes to the tensors, and calls `restored`. */
  state(): readonly StateTensor[]
  /** Takes up a state that was written. */
  restored(): Promise<void>
  /** Frees its state. */
  dispose(): void
}

/** What a method is told of a training. */
export interface TrainingPlan {
  /** Begins an error's sentence. */
  readonly who: string
  /** Optimizer steps in all. */
  readonly steps: number
  /** Told what is odd but not wrong. */
  readonly onWarning: (message: string) => void
}
