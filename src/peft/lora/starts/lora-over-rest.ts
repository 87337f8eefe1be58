import { checksumOf } from '../../../core/checksum.ts'
import type { Device } from '../../../device/device.ts'
import type { Linear } from '../../../nn/linear.ts'
import { addLinear, linear } from '../../../ops/linear.ts'
import { matmul } from '../../../ops/matmul.ts'
import { mul } from '../../../ops/mul.ts'
import type { Products } from '../../../ops/products.ts'
import { fromArray, type Tensor } from '../../../tensor/tensor.ts'
import type { Factors } from '../../layers/adapted-layer.ts'
import type { Project } from '../../layers/adapted-linear.ts'
import { type LoraFactors, LoraLinear } from '../lora-linear.ts'
import type { StartingFactors } from './base-start.ts'

/**
 * LoRA over what its start left of the base: y = (W − scaling · B₀ A₀) x + b + scaling · B A dropout(x). PEFT writes
 * W − scaling · B₀ A₀ over W; here W stays as it is, in any storage format, and A₀ and B₀ are kept, in f32. So the base
 * is whole under other adapters, while this one is switched off, and when it is gone.
 */
export class LoraOverRest extends LoraLinear {
  #start: LoraFactors | null = null
  #checksum = ''

  /** What A and B started as; `null` before they have. */
  get startedAs(): LoraFactors | null {
    return this.#start
  }

  /** Says what A and B started as, which is taken out of the base. */
  takeOut({ a, b }: StartingFactors): void {
    const { 'lora_A.weight': A, 'lora_B.weight': B } = this.factors
    const { device }: { readonly device: Device } = A
    this.free()
    this.#start = device.memory.rooted(() =>
      device.memory.allOrNothing(() => ({
        'lora_A.weight': fromArray(device, a, A.shape, 'A at the start'),
        'lora_B.weight': fromArray(device, b, B.shape, 'B at the start'),
      })),
    )
    this.#checksum = checksumOf(a)
  }

  override forward(x: Tensor, project: Project): Tensor {
    const start = this.#start
    if (start === null) return super.forward(x, project)
    return super.forward(x, (input) => {
      const low = linear(input, start['lora_A.weight'])
      return addLinear(project(input), low, start['lora_B.weight'], -this.scaling)
    })
  }

  override products(x: Tensor, products: Products): Products | null {
    const start = this.#start
    const whole = super.products(x, products)
    if (start === null || whole === null) return whole
    const low = mul(linear(x, start['lora_A.weight']), -this.scaling)
    return [...whole, { x: low, weight: start['lora_B.weight'] }]
  }

  override mergeWeight(weight: Tensor, base: Linear): Tensor {
    return this.#withoutStart(super.mergeWeight(weight, base))
  }

  /** scaling · (B A − B₀ A₀). */
  override deltaWeight(): Tensor {
    return this.#withoutStart(super.deltaWeight())
  }

  override describe(): string {
    return `${super.describe()}, over a base without ${this.#checksum}`
  }

  override free(): void {
    const start: Factors = this.#start ?? {}
    for (const tensor of Object.values(start)) tensor.dispose()
    this.#start = null
  }

  #withoutStart(weight: Tensor): Tensor {
    const start = this.#start
    if (start === null) return weight
    const options = { out: weight, accumulate: true, alpha: -this.scaling }
    return matmul(start['lora_B.weight'], start['lora_A.weight'], options)
  }
}
