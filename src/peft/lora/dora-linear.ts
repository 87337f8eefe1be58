import { noGrad } from '../../autograd/no-grad.ts'
import { Dropout } from '../../nn/dropout.ts'
import type { Linear } from '../../nn/linear.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { add } from '../../ops/add.ts'
import { addLinear, linear } from '../../ops/linear.ts'
import { matmul } from '../../ops/matmul.ts'
import { mul } from '../../ops/mul.ts'
import { rescale } from '../../ops/magnitude/rescale.ts'
import { updatedNorms } from '../../ops/magnitude/updated-norms.ts'
import { MedAwareError } from '../../core/errors.ts'
import { fromArray, type Tensor } from '../../tensor/tensor.ts'
import { Kept } from '../../tensor/kept.ts'
import { LinearAdapter, type Project } from '../layers/adapted-linear.ts'
import type { LoraFactors } from './lora-linear.ts'

/** The factors of a LoRA, and m: what the rows of the adapted weight are long, f32 [out]. */
export type DoraFactors = LoraFactors & Readonly<Record<'lora_magnitude_vector', Tensor>>

/**
 * A low-rank update that changes the direction of a projection's rows, whose lengths are trained by themselves:
 * y = m / n ∘ (W x + scaling · B A x) + b with n = ‖W + scaling · B A‖ of each row, a constant to the gradient. DoRA,
 * arXiv 2402.09353, section 4.3; peft/tuners/lora/dora.py and variants.py, DoraLinearVariant.
 */
export class DoraLinear extends LinearAdapter<DoraFactors> {
  readonly #dropout: Dropout
  /** n, which a generated token or a part of a step shares with the next. */
  readonly #kept = new Kept()

  /** @param scaling loraAlpha / r, or loraAlpha / √r for rsLoRA. */
  constructor(
    factors: DoraFactors,
    readonly scaling: number,
    dropout: number,
  ) {
    const lora_dropout = new Dropout(dropout)
    super(factors, { lora_dropout })
    this.#dropout = lora_dropout
  }

  forward(x: Tensor, project: Project, base: Linear): Tensor {
    const { 'lora_A.weight': a, 'lora_B.weight': b, lora_magnitude_vector: m } = this.factors
    const norms = this.#norms(base)
    if (!this.#dropout.training || this.#dropout.p === 0) {
      const updated = addLinear(project(x), linear(x, a), b, this.scaling)
      return rescale(updated, m, norms, base.weights.bias)
    }
    // As PEFT: y = W x + b + (m / n - 1) ∘ W d + m / n ∘ scaling · B A d, where d is x with elements dropped.
    const dropped = this.#dropout.forward(x)
    const through = this.through(dropped, base)
    const rest = add(project(x), mul(through, -1))
    return add(rest, rescale(addLinear(through, linear(dropped, a), b, this.scaling), m, norms))
  }

  mergeWeight(weight: Tensor, base: Linear): Tensor {
    const { 'lora_A.weight': a, 'lora_B.weight': b } = this.factors
    const updated = matmul(b, a, { alpha: this.scaling, out: weight, accumulate: true })
    return mul(updated, reshape(this.#quotients(base), [weight.rows, 1]))
  }

  override mergeBias(bias: Tensor, base: Linear): Tensor {
    // Adapters before this one may have changed it; it is scaled but for the base's own.
    if (bias === base.weights.bias) return bias
    return rescale(bias, this.factors.lora_magnitude_vector, this.#norms(base), base.weights.bias)
  }

  override checkRows(): void {
    throw new MedAwareError('unsupported', 'adapter names: not with DoRA, as in PEFT; set the adapter active instead')
  }

  override free(): void {
    this.#kept.free()
  }

  describe(): string {
    return `DoRA, r ${this.factors['lora_A.weight'].rows}, scaling ${this.scaling}, dropout ${this.#dropout.p}`
  }

  /** Makes m the lengths of rows as they are. */
  startMagnitude(base: Linear): void {
    const { lora_magnitude_vector: m } = this.factors
    m.device.copy(this.#norms(base), m)
  }

  /** W x. */
  protected through(x: Tensor, base: Linear): Tensor {
    return linear(x, base.weights.weight)
  }

  /** What the lengths of rows are made of. */
  protected madeOf(base: Linear): readonly Tensor[] {
    const { 'lora_A.weight': a, 'lora_B.weight': b } = this.factors
    return [a, b, ...base.weights.weight.tensors]
  }

  /** The lengths of rows, anew and without history. */
  protected lengths(base: Linear): Tensor {
    const { 'lora_A.weight': a, 'lora_B.weight': b } = this.factors
    return updatedNorms(base.weights.weight, a, b, this.scaling)
  }

  #norms(base: Linear): Tensor {
    return this.#kept.get(this.madeOf(base), () => noGrad(() => this.lengths(base)))
  }

  /** m / n: f32 [out]. */
  #quotients(base: Linear): Tensor {
    const { device, count } = this.factors.lora_magnitude_vector
    const ones = fromArray(device, new Float32Array(count).fill(1), [count], 'ones')
    return rescale(ones, this.factors.lora_magnitude_vector, this.#norms(base))
  }
}
