import type { ValueAndGrad } from '../../autograd/value-and-grad.ts'
import type { Memory } from '../../device/memory.ts'
import type { StepMetrics } from './step-metrics.ts'
import { type ParameterRun, parameterRuns } from '../../optim/parameter-runs.ts'
import { copyOf, type Tensor } from '../../tensor/tensor.ts'

/** What a micro-batch came to. */
export interface StepShare extends ValueAndGrad {
  readonly metrics: StepMetrics | null
}

/**
 * Loss, gradients and metrics of a step's micro-batches, added up. They belong to it and to no scope: between two
 * micro-batches the device is others', whose buffers no scope of the step may catch.
 */
export class GradientAccumulator {
  readonly #memory: Memory
  #loss: Tensor | null = null
  #metrics: StepMetrics | null = null
  readonly #grads = new Map<Tensor, Tensor>()
  /** Whether some no longer lie as their parameters do. */
  #hasCopies = false

  constructor(memory: Memory) {
    this.#memory = memory
  }

  /** What was added. @throws RangeError for nothing. */
  get total(): StepShare {
    if (this.#loss === null) throw new RangeError('GradientAccumulator: nothing was added')
    return { loss: this.#loss, grads: this.#grads, metrics: this.#metrics }
  }

  /** Adds what `work` gives, and frees all else that it allocates. */
  add(work: () => StepShare): void {
    this.#memory.rooted(() =>
      this.#memory.scoped((scope) => {
        const { loss, grads, metrics } = work()
        if (this.#loss === null) this.#take(loss, grads)
        else this.#addTo(this.#loss, loss, grads)
        if (this.#metrics === null) this.#metrics = metrics
        else if (metrics !== null) addTo(this.#metrics.values, metrics.values)
        const kept = [this.#loss ?? loss, this.#metrics?.values ?? null, ...this.#grads.values()]
        for (const value of kept) if (value !== null) scope.keep(value)
      }),
    )
  }

  /** Frees them. */
  dispose(): void {
    for (const value of [this.#loss, this.#metrics?.values, ...this.#grads.values()]) value?.dispose()
    this.#loss = this.#metrics = null
    this.#grads.clear()
    this.#hasCopies = false
  }

  #take(loss: Tensor, grads: ValueAndGrad['grads']): void {
    this.#loss = loss
    for (const [parameter, grad] of grads) this.#grads.set(parameter, grad)
  }

  #addTo(total: Tensor, loss: Tensor, grads: ValueAndGrad['grads']): void {
    addTo(total, loss)
    const both = [...grads].filter(([parameter]) => this.#grads.has(parameter))
    for (const [target, x] of this.#hasCopies ? this.#pairs(both) : this.#runs(both)) addTo(target, x)
    for (const [parameter, grad] of grads) {
      if (this.#grads.has(parameter)) continue
      // Gradients of parameters side by side share a buffer, most of which may be in the total already.
      this.#grads.set(parameter, copyOf(grad, 'gradient copy'))
      this.#hasCopies = true
    }
  }

  #pairs(grads: readonly (readonly [Tensor, Tensor])[]): (readonly [Tensor, Tensor])[] {
    return grads.map(([parameter, grad]) => [this.#grads.get(parameter) ?? grad, grad])
  }

  /** Gradients lie as their parameters do, so what is one run in the total is one in the share. */
  #runs(grads: readonly (readonly [Tensor, Tensor])[]): (readonly [Tensor, Tensor])[] {
    const runsOf = (tensors: readonly Tensor[]) => parameterRuns(tensors, () => true)
    const pairs = this.#pairs(grads)
    const shares = runsOf(pairs.map(([, share]) => share))
    return runsOf(pairs.map(([total]) => total)).map(({ whole }, i) => [whole, (shares[i] as ParameterRun).whole])
  }
}

function addTo(target: Tensor, x: Tensor): void {
  target.device.run('accumulate', { x, target }, { count: x.count, alpha: 1 })
}
