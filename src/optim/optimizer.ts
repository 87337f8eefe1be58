import type { Tensor } from '../tensor/tensor.ts'

/** A tensor that an optimizer keeps from one step to the next. */
export interface StateTensor {
  /** Such as 'm'. With the parameter's path it is the tensor's name in a checkpoint: `m.transformer.h.0.…`. */
  readonly name: string
  /** The parameter that it belongs to; `null` for what belongs to all of them. */
  readonly parameter: Tensor | null
  /** Of any shape and dtype: a checkpoint keeps its bytes. */
  readonly tensor: Tensor
}

/**
 * What changes parameters by their gradients. A run, its checkpoints and the memory plan know no more of it than this,
 * so an object of your own that has these members can train too.
 */
export interface Optimizer {
  /** What a checkpoint knows it by, such as 'adamw': another optimizer's state does not fit. */
  readonly name: string
  /** Its settings as plain JSON values, by which a checkpoint tells two runs apart. */
  readonly hyperparameters: Readonly<Record<string, unknown>>
  /** What it trains: f32, each once, in the order they were given. */
  readonly parameters: readonly Tensor[]
  /** Steps taken, 0 at first. Who restores the state sets it, and a rehearsal sets it back. */
  steps: number
  /**
   * Updates every parameter in place; none where a gradient is not finite.
   * @param grads One gradient a parameter, f32 of its shape.
   * @param learningRate The rate of this step.
   * @param maxGradNorm Clip the global norm of all gradients to this first; 0 does not clip. Default 0.
   * @returns f32 [2]: the factor that clipping applied, 0 where nothing was changed, and the norm before it.
   */
  step(grads: ReadonlyMap<Tensor, Tensor>, learningRate: number, maxGradNorm?: number): Tensor
  /**
   * All that it keeps from step to step, beside `steps`; none for one without state. Who restores it writes to the
   * tensors.
   */
  state(): readonly StateTensor[]
  /** Frees its state, not the parameters. */
  dispose(): void
}

/** What a run tells who makes its optimizer. */
export interface OptimizerContext {
  /** Parameters that do not decay: biases and norms. */
  readonly noDecay: ReadonlySet<Tensor>
  /** Factors on the learning rate of those parameters that have one of their own, as LoRA+ gives: 1 for others. */
  readonly rates: ReadonlyMap<Tensor, number>
}

/** Makes an optimizer for some parameters: `(parameters, context) => new Lion(parameters, context)`. */
export type OptimizerFactory = (parameters: readonly Tensor[], context: OptimizerContext) => Optimizer
