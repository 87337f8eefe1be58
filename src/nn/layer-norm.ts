import { addLayerNorm } from '../ops/add-layer-norm.ts'
import { layerNorm } from '../ops/layer-norm.ts'
import type { NormalSum } from '../ops/norm.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'
import type { NormLayer } from './norm-layer.ts'

/** Normalisation over the last dimension: weight and bias f32 [c]. */
export class LayerNorm extends Module<Record<never, never>, { weight: Tensor; bias: Tensor }> implements NormLayer {
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

  /** The sum of x and r, f32 [..., c], and what `forward` gives of it. */
  afterSum(x: Tensor, r: Tensor): NormalSum {
    return addLayerNorm(x, r, this.weights.weight, this.weights.bias, this.eps)
  }

  with({ weight = this.weights.weight, bias = this.weights.bias }: Readonly<Record<string, Tensor>>): LayerNorm {
    return new LayerNorm(weight, bias, this.eps)
  }
}
