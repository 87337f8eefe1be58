import { Dropout } from '../nn/dropout.ts'
import { Linear, type Projection } from '../nn/linear.ts'
import { Module } from '../nn/module.ts'
import { addLinear, linear } from '../ops/linear.ts'
import { matmul } from '../ops/matmul.ts'
import { dequantize } from '../ops/quantize.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** The low-rank factors of an update: A f32 [r, in], B f32 [out, r]. */
export interface LoraFactors {
  readonly a: Tensor
  readonly b: Tensor
}

/**
 * A frozen projection and its low-rank update: y = W x + b + scaling · B A dropout(x). LoRA, arXiv 2106.09685;
 * peft/tuners/lora/layer.py, Linear.
 */
export class LoraLinear
  extends Module<{ base_layer: Linear; lora_dropout: Dropout }, { 'lora_A.weight': Tensor; 'lora_B.weight': Tensor }>
  implements Projection
{
  /** Whether `forward` adds the update; the adapter's `setEnabled` says so. */
  isEnabled = true

  /** @param scaling loraAlpha / r, or loraAlpha / √r for rsLoRA. */
  constructor(
    base: Linear,
    { a, b }: LoraFactors,
    readonly scaling: number,
    dropout: number,
  ) {
    super({ base_layer: base, lora_dropout: new Dropout(dropout) }, { 'lora_A.weight': a, 'lora_B.weight': b })
  }

  get inFeatures(): number {
    return this.modules.base_layer.inFeatures
  }

  get outFeatures(): number {
    return this.modules.base_layer.outFeatures
  }

  forward(x: Tensor): Tensor {
    const { base_layer, lora_dropout } = this.modules
    if (!this.isEnabled) return base_layer.forward(x)
    const low = linear(lora_dropout.forward(x), this.weights['lora_A.weight'])
    return addLinear(base_layer.forward(x), low, this.weights['lora_B.weight'], this.scaling)
  }

  /** The update in full, scaling · B A, without history: f32 [out, in]. */
  deltaWeight(): Tensor {
    return matmul(this.weights['lora_B.weight'], this.weights['lora_A.weight'], { alpha: this.scaling })
  }

  /**
   * The projection with the update added to a copy of its weight in f32; it shares the bias. A weight in another format
   * is not rounded to it again: that would swallow the update.
   */
  merged(): Linear {
    const { weight, bias } = this.modules.base_layer.weights
    const full = dequantize(weight)
    matmul(this.weights['lora_B.weight'], this.weights['lora_A.weight'], {
      alpha: this.scaling,
      out: full,
      accumulate: true,
    })
    return new Linear(full, bias)
  }
}
