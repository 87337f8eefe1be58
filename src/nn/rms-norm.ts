import type { NormalSum } from '../ops/norm.ts'
import { addRmsNorm, rmsNorm } from '../ops/rms-norm.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'
import type { NormLayer } from './norm-layer.ts'

/** Normalisation by the root mean square of the last dimension: weight f32 [c], to which `shift` is added. */
export class RmsNorm extends Module<Record<never, never>, { weight: Tensor }> implements NormLayer {
  constructor(
    weight: Tensor,
    readonly eps: number,
    readonly shift = 0,
  ) {
    super({}, { weight })
  }

  /** x f32 [..., c] to the same shape. */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weights.weight, this.eps, this.shift)
  }

  /** The sum of x and r, f32 [..., c], and what `forward` gives of it. */
  afterSum(x: Tensor, r: Tensor): NormalSum {
    return addRmsNorm(x, r, this.weights.weight, this.eps, this.shift)
  }

  with({ weight = this.weights.weight }: Readonly<Record<string, Tensor>>): RmsNorm {
    return new RmsNorm(weight, this.eps, this.shift)
  }
}
