import { check } from '../../core/errors.ts'
import { Dropout } from '../../nn/dropout.ts'
import type { Linear } from '../../nn/linear.ts'
import { add } from '../../ops/add.ts'
import { addLinear, linear } from '../../ops/linear.ts'
import { matmul, type MatmulOptions } from '../../ops/matmul.ts'
import { mul } from '../../ops/mul.ts'
import type { Products } from '../../ops/products.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { LinearAdapter, type Project } from '../layers/adapted-linear.ts'

/**
 * The low-rank factors of an update: A f32 [r, in], B f32 [out, r], and a bias of B f32 [out] where loraBias is true.
 */
export type LoraFactors = Readonly<Record<'lora_A.weight' | 'lora_B.weight', Tensor>> & {
  readonly 'lora_B.bias'?: Tensor
}

/**
 * A low-rank update of a projection: y = W x + b + scaling · (B A dropout(x) + B's bias). LoRA, arXiv 2106.09685;
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
    const bias = this.factors['lora_B.bias']
    const scaled = bias === undefined ? null : mul(bias, this.scaling)
    return addLinear(project(x), low, this.factors['lora_B.weight'], this.scaling, scaled)
  }

  override products(x: Tensor, products: Products): Products | null {
    if (this.factors['lora_B.bias'] !== undefined) return null
    const low = linear(this.#dropout.forward(x), this.factors['lora_A.weight'])
    return [...products, { x: mul(low, this.scaling), weight: this.factors['lora_B.weight'] }]
  }

  /** @throws MedAwareError `unsupported` where B's bias has no bias of the base to go into. */
  mergeWeight(weight: Tensor, base: Linear): Tensor {
    check(this.factors['lora_B.bias'] === undefined || base.weights.bias !== null, 'unsupported', () => {
      return 'merge: an adapter with loraBias cannot be merged into a layer without a bias, neither in PEFT; keep it attached'
    })
    return this.#update({ out: weight, accumulate: true })
  }

  override mergeBias(bias: Tensor): Tensor {
    const own = this.factors['lora_B.bias']
    return own === undefined ? bias : add(bias, mul(own, this.scaling))
  }

  /** scaling · B A. */
  override deltaWeight(_base: Linear): Tensor {
    return this.#update({})
  }

  describe(): string {
    const bias = this.factors['lora_B.bias'] === undefined ? '' : ', bias'
    return `r ${this.factors['lora_A.weight'].rows}, scaling ${this.scaling}, dropout ${this.#dropout.p}${bias}`
  }

  #update(options: MatmulOptions): Tensor {
    return matmul(this.factors['lora_B.weight'], this.factors['lora_A.weight'], { ...options, alpha: this.scaling })
  }
}
