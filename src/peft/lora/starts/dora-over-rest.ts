import type { Linear } from '../../../nn/linear.ts'
import { concat } from '../../../ops/array/concat.ts'
import { updatedNorms } from '../../../ops/magnitude/updated-norms.ts'
import { mul } from '../../../ops/mul.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import type { Project } from '../../layers/adapted-linear.ts'
import { DoraLinear } from '../dora-linear.ts'
import { type OverRest, Rest } from './rest.ts'

/**
 * DoRA over what its start left of the base: W − scaling · B₀ A₀, or a quantised Q, in the place of W. PEFT starts A
 * and B first and then the lengths, which are those of the base before (tuners/lora/layer.py, update_layer).
 */
export class DoraOverRest extends DoraLinear implements OverRest {
  readonly rest = new Rest(this.scaling)

  override get ground(): Linear | null {
    return this.rest.ground
  }

  override forward(x: Tensor, project: Project, base: Linear): Tensor {
    return super.forward(x, this.rest.under(project), base)
  }

  override mergeWeight(weight: Tensor, base: Linear): Tensor {
    return super.mergeWeight(this.rest.of(weight), base)
  }

  override describe(): string {
    return super.describe() + this.rest.describe()
  }

  override free(): void {
    super.free()
    this.rest.free()
  }

  protected override through(x: Tensor, base: Linear): Tensor {
    return this.rest.under((input) => super.through(input, base))(x)
  }

  protected override madeOf(base: Linear): readonly Tensor[] {
    return [...super.madeOf(base), ...Object.values(this.rest.startedAs ?? {})]
  }

  protected override lengths(base: Linear): Tensor {
    const { startedAs } = this.rest
    if (startedAs === null) return super.lengths(base)
    // W + s · B A − s · B₀ A₀ is W + s · [B, −B₀] [A; A₀].
    const { 'lora_A.weight': a, 'lora_B.weight': b } = this.factors
    const [a0, b0] = [startedAs['lora_A.weight'], startedAs['lora_B.weight']]
    const minus = mul(b0, -1)
    const doubled = [concat(a, a0, 0), concat(b, minus, 1)] as const
    const norms = updatedNorms(base.weights.weight, ...doubled, this.scaling)
    for (const tensor of [minus, ...doubled]) tensor.dispose()
    return norms
  }
}
