import { readArgument, whole } from '../core/options.ts'
import { type Tensor, zeros } from '../tensor/tensor.ts'
import { clipFactor } from './clipping.ts'
import type { Optimizer, StateTensor } from './optimizer.ts'
import { gather, type ParameterRun, parameterRuns, windowOf } from './parameter-runs.ts'
import { checkLive, checkParameters, gradientOf, gradsRule, rateRule } from './step-arguments.ts'

/** State of one parameter, or of a run of them, by name: f32 of its shape. */
export type State = Readonly<Record<string, Tensor>>

/** How an optimizer keeps its state and decays its parameters. */
export interface Packing<S extends State> {
  /** Makes the state of a run of parameters; `zeros` makes f32 zeros of its shape, called what the state is. */
  readonly state: (zeros: (name: string) => Tensor, run: ParameterRun) => S
  /** Whether two parameters side by side can be trained by one kernel. Default: any can. */
  readonly areAlike?: (a: Tensor, b: Tensor) => boolean
  /** Decoupled weight decay. */
  readonly weightDecay: number
  /** Parameters that do not decay. Default none. */
  readonly noDecay?: ReadonlySet<Tensor> | undefined
  /** Factors on the learning rate of some. Default none. */
  readonly rates?: ReadonlyMap<Tensor, number> | undefined
}

/** A step over parameters that lie side by side: everything is f32 of one length, `param.count`, but for `clip`. */
export interface PackedStep<S extends State> {
  readonly param: Tensor
  readonly grad: Tensor
  readonly state: S
  /** f32 [2], as `clipFactor` gives: its first number times `grad` is the gradient, and 0 says to change nothing. */
  readonly clip: Tensor
  readonly learningRate: number
  readonly weightDecay: number
  /** What decay leaves of a parameter: 1 - learningRate × weightDecay. */
  readonly keep: number
  /** The parameters themselves, and where `param` has them. */
  readonly run: ParameterRun
  /** Number of this step, from 1. */
  readonly step: number
}

interface RunState<S extends State> extends ParameterRun {
  readonly state: S
  readonly decay: number
  readonly rate: number
}

/**
 * An optimizer with state of its parameters' shapes, but for its formula, which is `update`. Parameters that lie side
 * by side in a buffer, as those of an adapter do, are clipped and updated by one kernel.
 */
export abstract class PackedOptimizer<S extends State> implements Optimizer {
  abstract readonly name: string
  abstract readonly hyperparameters: Readonly<Record<string, unknown>>
  readonly parameters: readonly Tensor[]
  readonly #who: string
  readonly #runs: readonly RunState<S>[]
  #steps = 0

  /**
   * @param who Begins the sentence of an error, such as 'AdamW'.
   * @param parameters f32, each once, all on one device.
   * @throws MedAwareError `config` for no parameters and others than that; `device` where one was disposed of;
   * `memory`, and nothing stays allocated then.
   */
  protected constructor(who: string, parameters: Iterable<Tensor>, packing: Packing<S>) {
    const { state, weightDecay, noDecay, rates } = packing
    this.#who = who
    const all = checkParameters(who, parameters)
    const decayOf = (parameter: Tensor) => (noDecay?.has(parameter) === true ? 0 : weightDecay)
    const rateOf = (parameter: Tensor) => rates?.get(parameter) ?? 1
    const areAlike = (a: Tensor, b: Tensor) =>
      decayOf(a) === decayOf(b) && rateOf(a) === rateOf(b) && packing.areAlike?.(a, b) !== false
    const [{ device }] = all
    this.parameters = Object.freeze(all)
    this.#runs = device.memory.rooted(() =>
      device.memory.scoped((scope) => {
        const runs = parameterRuns(all, areAlike).map((run) => {
          const made = state((name) => zeros(device, run.whole.shape, `${who} ${name}`), run)
          const [first] = run.members
          return { ...run, state: made, decay: decayOf(first), rate: rateOf(first) }
        })
        for (const run of runs) for (const tensor of Object.values(run.state)) scope.keep(tensor)
        return runs
      }),
    )
  }

  /**
   * Steps taken. Who restores the state sets it. @throws MedAwareError `config` unless it is set to a whole number
   * from 0.
   */
  get steps(): number {
    return this.#steps
  }

  set steps(steps: number) {
    this.#steps = readArgument(this.#who, 'steps', steps, whole({ from: 0 }))
  }

  /**
   * Updates every parameter in place; none where a gradient is not finite, so that nothing is spoilt.
   * @param grads One gradient a parameter, f32 of its shape.
   * @param learningRate The rate of this step.
   * @param maxGradNorm Clip the global norm to this first; 0 does not clip. Default 0.
   * @returns f32 [2]: the factor clipping applied, and the norm before it.
   * @throws MedAwareError `config` when a parameter has no gradient or a number is out of range, `shape` for a gradient
   * of another shape, `device` after `dispose`.
   */
  step(grads: ReadonlyMap<Tensor, Tensor>, learningRate: number, maxGradNorm = 0): Tensor {
    const who = this.#who
    readArgument(who, 'grads', grads, gradsRule)
    readArgument(who, 'learningRate', learningRate, rateRule)
    readArgument(who, 'maxGradNorm', maxGradNorm, rateRule)
    const kept = this.#runs.flatMap((run) => Object.values(run.state))
    checkLive(who, kept, 'the optimizer was disposed of; make a new one')
    for (const parameter of this.parameters) gradientOf(who, parameter, grads)
    const steps = this.#runs.map((run) => {
      return { run, ...gather(run, (member) => gradientOf(who, member, grads), 'packed gradients') }
    })
    const clip = clipFactor(
      steps.map(({ vector }) => vector),
      maxGradNorm,
    )
    const step = ++this.#steps
    for (const { run, vector: grad, isCopy } of steps) {
      const rate = learningRate * run.rate
      const { whole: param, state } = run
      const [weightDecay, keep] = [run.decay, 1 - rate * run.decay]
      this.update({ run, param, grad, state, clip, learningRate: rate, weightDecay, keep, step })
      if (isCopy) grad.dispose()
    }
    return clip
  }

  /** The state of each parameter, in their order. */
  state(): readonly StateTensor[] {
    const owned = new Map(
      this.#runs.flatMap((run) =>
        run.members.map((parameter) => {
          const tensors = Object.entries(run.state).map(([name, vector]) => {
            return { name, parameter, tensor: this.stateOf(vector, run, parameter) }
          })
          return [parameter, tensors] as const
        }),
      ),
    )
    return this.parameters.flatMap((parameter) => owned.get(parameter) ?? [])
  }

  /** Frees the state. */
  dispose(): void {
    for (const { state } of this.#runs) for (const tensor of Object.values(state)) tensor.dispose()
  }

  /** What of a run's state belongs to one of its parameters: as it lies in the run. */
  protected stateOf(vector: Tensor, run: ParameterRun, parameter: Tensor): Tensor {
    return windowOf(vector, run, parameter)
  }

  /** Queues the kernel that changes `param` and `state` by `grad`. */
  protected abstract update(step: PackedStep<S>): void
}
