import { Dropout } from '../../nn/dropout.ts'
import { addLinear, linear } from '../../ops/linear.ts'
import { matmul, type MatmulOptions } from '../../ops/matmul.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { LinearAdapter, type Project } from '../layers/adapted-linear.ts'

/** The low-rank factors of an update: A f32 [r, in], B f32 [out, r]. */
export type LoraFactors = Readonly<Record<'lora_A.weight' | 'lora_B.weight', Tensor>>

/**
 * A low-rank update of a projection: y = W x + b + scaling · B A dropout(x). LoRA, arXiv 2106.09685;
 * peft/tuners/lora/layer.py, Linear.
 */
export class LoraLinear extends LinearAdapter<LoraFactors> {
  readonly #dropout: Dropout

  /** @param scaling loraAlpha / r, or loraAlpha / √r for rsLoRA. */
  constructor(
    factors: LoraFactors,
    readonly scaling: number,
    dropout: number,
  ) {
    const lora_dropout = new Dropout(dropout)
    super(factors, { lora_dropout })
    this.#dropout = lora_dropout
  }

  forward(x: Tensor, project: Project): Tensor {
    const low = linear(this.#dropout.forward(x), this.factors['lora_A.weight'])
    return addLinear(project(x), low, this.factors['lora_B.weight'], this.scaling)
  }

  mergeWeight(weight: Tensor): Tensor {
    return this.#update({ out: weight, accumulate: true })
  }

  /** scaling · B A. */
  override deltaWeight(): Tensor {
    return this.#update({})
  }

  describe(): string {
    return `r ${this.factors['lora_A.weight'].rows}, scaling ${this.scaling}, dropout ${this.#dropout.p}`
  }

  #update(options: MatmulOptions): Tensor {
    return matmul(this.factors['lora_B.weight'], this.factors['lora_A.weight'], { ...options, alpha: this.scaling })
  }
}
