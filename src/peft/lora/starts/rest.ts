import { checksumOf } from '../../../core/checksum.ts'
import type { Device } from '../../../device/device.ts'
import { Linear } from '../../../nn/linear.ts'
import { addLinear, linear } from '../../../ops/linear.ts'
import { matmul } from '../../../ops/matmul.ts'
import { mul } from '../../../ops/mul.ts'
import type { Products } from '../../../ops/products.ts'
import { fromArray, type Tensor } from '../../../tensor/tensor.ts'
import type { LayerAdapter } from '../../layers/adapted-layer.ts'
import type { Project } from '../../layers/adapted-linear.ts'
import type { LoraFactors } from '../lora-linear.ts'
import type { StartingFactors } from './base-start.ts'

/**
 * What a start from the base's weights left of the base under an adapter: W − scaling · B₀ A₀, or a quantised Q. PEFT
 * writes that over W; here W stays as it is, in any storage format, and A₀ and B₀ are kept, in f32, or Q in its own. So
 * the base is whole under other adapters, while this one is switched off, and when it is gone.
 */
export class Rest {
  #start: LoraFactors | null = null
  #ground: Linear | null = null
  #words = ''

  /** @param scaling The adapter's. */
  constructor(readonly scaling: number) {}

  /** What A and B started as, where that was taken out of the base; else `null`. */
  get startedAs(): LoraFactors | null {
    return this.#start
  }

  /** The layer that computes in the base's place; `null`: the base does. */
  get ground(): Linear | null {
    return this.#ground
  }

  /**
   * Says what A and B started as, which is taken out of the base, or what stands in the base's place.
   * @param factors A and B.
   */
  settle(
    { 'lora_A.weight': A, 'lora_B.weight': B }: LoraFactors,
    { a, b, ground }: StartingFactors,
    base: Linear,
  ): void {
    const { device }: { readonly device: Device } = A
    this.free()
    const checksum = checksumOf(a)
    if (ground !== undefined) {
      this.#ground = new Linear(ground, base.weights.bias)
      this.#words = `, over a base in ${ground.recipe.type} beside ${checksum}`
      return
    }
    this.#start = device.memory.rooted(() =>
      device.memory.allOrNothing(() => ({
        'lora_A.weight': fromArray(device, a, A.shape, 'A at the start'),
        'lora_B.weight': fromArray(device, b, B.shape, 'B at the start'),
      })),
    )
    this.#words = `, over a base without ${checksum}`
  }

  /** The projection without what was taken out. */
  under(project: Project): Project {
    const start = this.#start
    if (start === null) return project
    return (x) => addLinear(project(x), linear(x, start['lora_A.weight']), start['lora_B.weight'], -this.scaling)
  }

  /** The same of a sum of products. */
  products(x: Tensor, products: Products): Products {
    const start = this.#start
    if (start === null) return products
    const low = mul(linear(x, start['lora_A.weight']), -this.scaling)
    return [...products, { x: low, weight: start['lora_B.weight'] }]
  }

  /** A weight without what was taken out, written over it. */
  of(weight: Tensor): Tensor {
    const start = this.#start
    if (start === null) return weight
    const options = { out: weight, accumulate: true, alpha: -this.scaling }
    return matmul(start['lora_B.weight'], start['lora_A.weight'], options)
  }

  describe(): string {
    return this.#words
  }

  free(): void {
    for (const tensor of Object.values(this.#start ?? {})) tensor?.dispose()
    this.#ground?.weights.weight.dispose()
    this.#start = null
    this.#ground = null
  }
}

/** An adapter of a linear layer whose start may have left something else of the base. */
export interface OverRest extends LayerAdapter<LoraFactors> {
  readonly scaling: number
  readonly rest: Rest
}

/** Whether a part is one. */
export function isOverRest(part: LayerAdapter): part is OverRest {
  return 'rest' in part && part.rest instanceof Rest
}
