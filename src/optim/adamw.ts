import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { zeros, type Tensor } from '../tensor/tensor.ts'
import { clipFactor } from './clipping.ts'
import { gather, type ParameterRun, parameterRuns, windowOf } from './parameter-runs.ts'

/** torch.optim.AdamW's settings. */
export interface AdamWOptions {
  /** Decay rates of the two moments. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Default 1e-8. */
  readonly eps?: number
  /** Decoupled weight decay. Default 0 (transformers' Trainer; torch's own is 0.01). */
  readonly weightDecay?: number
  /** Parameters that do not decay, such as biases and norms. Default none. */
  readonly noDecay?: ReadonlySet<Tensor>
}

/** The moments of one parameter: f32 of its shape. */
export interface Moments {
  readonly m: Tensor
  readonly v: Tensor
}

/** A run of parameters and the moments of them all. */
interface RunState extends ParameterRun, Moments {
  readonly decay: number
}

/**
 * Adam with decoupled weight decay (arXiv 1711.05101), as torch.optim.AdamW computes it in f32. Parameters that lie side by
 * side in a buffer, as those of an adapter do, are clipped and updated by one kernel.
 */
export class AdamW {
  /** Steps taken; the bias correction depends on it. */
  steps = 0
  /** State by parameter, for checkpoints; in the order of the parameters. */
  readonly moments: ReadonlyMap<Tensor, Moments>
  readonly #options: Required<AdamWOptions>
  readonly #runs: readonly RunState[]

  constructor(parameters: Iterable<Tensor>, options: AdamWOptions = {}) {
    this.#options = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, noDecay: new Set(), ...options }
    const { betas, noDecay, weightDecay } = this.#options
    const [beta1, beta2] = betas
    check(
      betas.every((beta) => beta >= 0 && beta < 1),
      'config',
      () => `AdamW: betas must be in [0, 1), got [${beta1}, ${beta2}]`,
    )
    const all = [...parameters]
    const decayOf = (parameter: Tensor) => (noDecay.has(parameter) ? 0 : weightDecay)
    this.#runs = parameterRuns(all, (a, b) => decayOf(a) === decayOf(b)).map((run) => {
      const { device, shape } = run.whole
      const [m, v] = device.memory.rooted(() => [zeros(device, shape, 'adamw m'), zeros(device, shape, 'adamw v')])
      return { ...run, m, v, decay: decayOf(run.members[0]) }
    })
    const moments = new Map(
      this.#runs.flatMap((run) =>
        run.members.map((member) => {
          return [member, { m: windowOf(run.m, run, member), v: windowOf(run.v, run, member) }] as const
        }),
      ),
    )
    this.moments = new Map(all.map((parameter) => [parameter, moments.get(parameter) as Moments]))
  }

  /**
   * Updates every parameter in place; none where a gradient is not finite, so that nothing is spoilt.
   * @param grads One gradient a parameter, of its shape.
   * @param learningRate The rate of this step.
   * @param maxGradNorm Clip the global norm to this first; 0 does not clip.
   * @returns f32 [2]: the factor clipping applied, and the norm before it.
   * @throws MedAwareError `config` when a parameter has no gradient.
   */
  step(grads: ReadonlyMap<Tensor, Tensor>, learningRate: number, maxGradNorm = 0): Tensor {
    const { betas, eps } = this.#options
    const [beta1, beta2] = betas
    for (const parameter of this.moments.keys()) gradientOf(parameter, grads)
    const gathered = this.#runs.map((run) => gather(run, (member) => gradientOf(member, grads), 'packed gradients'))
    const clip = clipFactor(
      gathered.map(({ vector }) => vector),
      maxGradNorm,
    )
    this.steps++
    this.#runs.forEach(({ whole, m, v, decay }, i) => {
      const { vector: grad, isCopy } = gathered[i] as (typeof gathered)[number]
      whole.device.run(
        'adamw',
        { grad, clip, param: whole, m, v },
        {
          count: grad.count,
          keep: 1 - learningRate * decay,
          beta1,
          gain1: 1 - beta1,
          beta2,
          gain2: 1 - beta2,
          step: learningRate / (1 - beta1 ** this.steps),
          root2: Math.sqrt(1 - beta2 ** this.steps),
          eps,
        },
      )
      if (isCopy) grad.dispose()
    })
    return clip
  }

  /** Frees the moments. */
  dispose(): void {
    for (const { m, v } of this.#runs) {
      m.dispose()
      v.dispose()
    }
  }
}

function gradientOf(parameter: Tensor, grads: ReadonlyMap<Tensor, Tensor>): Tensor {
  const grad = grads.get(parameter)
  check(
    grad !== undefined,
    'config',
    () =>
      `AdamW: the parameter of shape ${showShape(parameter.shape)} has no gradient; freeze it or use it in the loss`,
  )
  return grad
}
