import { layerNorm } from '../ops/layer-norm.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'

/** Normalisation over the last dimension: weight and bias f32 [c]. */
export class LayerNorm extends Module<Record<never, never>, { weight: Tensor; bias: Tensor }> {
  constructor(
    weight: Tensor,
    bias: Tensor,
    readonly eps: number,
  ) {
    super({}, { weight, bias })
  }

  /** x f32 [..., c] to the same shape. */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weights.weight, this.weights.bias, this.eps)
  }
}
