import type { Linear } from '../../../nn/linear.ts'
import type { Products } from '../../../ops/products.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import type { Project } from '../../layers/adapted-linear.ts'
import { LoraLinear } from '../lora-linear.ts'
import { type OverRest, Rest } from './rest.ts'

/**
 * LoRA over what its start left of the base: y = (W − scaling · B₀ A₀) x + b + scaling · B A dropout(x), or the same
 * with a quantised Q in the place of the bracket.
 */
export class LoraOverRest extends LoraLinear implements OverRest {
  readonly rest = new Rest(this.scaling)

  override get ground(): Linear | null {
    return this.rest.ground
  }

  override forward(x: Tensor, project: Project): Tensor {
    return super.forward(x, this.rest.under(project))
  }

  override products(x: Tensor, products: Products): Products | null {
    return super.products(x, this.rest.products(x, products))
  }

  override mergeWeight(weight: Tensor, base: Linear): Tensor {
    return this.rest.of(super.mergeWeight(weight, base))
  }

  /** scaling · (B A − B₀ A₀), or Q + scaling · B A − W. */
  override deltaWeight(base: Linear): Tensor {
    return this.ground === null ? this.rest.of(super.deltaWeight(base)) : this.mergedDelta(base)
  }

  override describe(): string {
    return super.describe() + this.rest.describe()
  }

  override free(): void {
    this.rest.free()
  }
}
