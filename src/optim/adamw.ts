import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { zeros, type Tensor } from '../tensor/tensor.ts'
import { clipFactor } from './clipping.ts'

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

/** Adam with decoupled weight decay (arXiv 1711.05101), as torch.optim.AdamW computes it in f32. */
export class AdamW {
  /** Steps taken; the bias correction depends on it. */
  steps = 0
  /** State by parameter, for checkpoints. */
  readonly moments: ReadonlyMap<Tensor, Moments>
  readonly #options: Required<AdamWOptions>

  constructor(parameters: Iterable<Tensor>, options: AdamWOptions = {}) {
    this.#options = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, noDecay: new Set(), ...options }
    const [beta1, beta2] = this.#options.betas
    check(
      [beta1, beta2].every((beta) => beta >= 0 && beta < 1),
      'config',
      () => `AdamW: betas must be in [0, 1), got [${beta1}, ${beta2}]`,
    )
    const moments = new Map<Tensor, Moments>()
    for (const parameter of parameters) {
      const { device, shape } = parameter
      moments.set(
        parameter,
        device.memory.rooted(() => ({ m: zeros(device, shape, 'adamw m'), v: zeros(device, shape, 'adamw v') })),
      )
    }
    this.moments = moments
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
    const { betas, eps, weightDecay, noDecay } = this.#options
    const [beta1, beta2] = betas
    const clip = clipFactor(
      [...this.moments.keys()].map((parameter) => gradientOf(parameter, grads)),
      maxGradNorm,
    )
    this.steps++
    for (const [param, { m, v }] of this.moments) {
      const grad = gradientOf(param, grads)
      param.device.run(
        'adamw',
        { grad, clip, param, m, v },
        {
          count: param.count,
          keep: 1 - learningRate * (noDecay.has(param) ? 0 : weightDecay),
          beta1,
          gain1: 1 - beta1,
          beta2,
          gain2: 1 - beta2,
          step: learningRate / (1 - beta1 ** this.steps),
          root2: Math.sqrt(1 - beta2 ** this.steps),
          eps,
        },
      )
    }
    return clip
  }

  /** Frees the moments. */
  dispose(): void {
    for (const { m, v } of this.moments.values()) {
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
