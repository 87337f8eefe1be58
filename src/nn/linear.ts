import { linear } from '../ops/linear.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module, type Weight } from './module.ts'

/** What stands where a model projects: a plain linear layer or an adapted one. */
export interface Projection extends Module {
  readonly inFeatures: number
  readonly outFeatures: number
  /** x f32 [..., in] to f32 [..., out]. */
  forward(x: Tensor): Tensor
}

/** y = x Wᵀ + b with W [out, in] in any storage format. */
export class Linear
  extends Module<Record<never, never>, { weight: Weight; bias: Tensor | null }>
  implements Projection
{
  constructor(weight: Weight, bias: Tensor | null) {
    super({}, { weight, bias })
  }

  get outFeatures(): number {
    return this.weights.weight.shape[0] ?? 0
  }

  get inFeatures(): number {
    return this.weights.weight.shape[1] ?? 0
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weights.weight, this.weights.bias)
  }
}
