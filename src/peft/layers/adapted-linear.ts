import { check, MedAwareError } from '../../core/errors.ts'
import { show, showNames } from '../../core/show.ts'
import { Linear, type Projection } from '../../nn/linear.ts'
import { dequantize } from '../../ops/dequantize.ts'
import type { Products } from '../../ops/products.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { AdaptedLayer, defaultName, type Factors, LayerAdapter } from './adapted-layer.ts'
import { differenceOf } from './difference.ts'
import { rowByRow } from './row-by-row.ts'

/** What a projection computes: x f32 [..., in] to f32 [..., out]. */
export type Project = (x: Tensor) => Tensor

/** One adapter at one projection. */
export abstract class LinearAdapter<F extends Factors = Factors> extends LayerAdapter<F> {
  /**
   * y of x, with history.
   * @param project The projection as it is without this adapter: the base and the active adapters before this one. What
   * it returns is this adapter's to write over.
   */
  abstract forward(x: Tensor, project: Project, base: Linear): Tensor

  /**
   * The base's weight with this adapter in it, without history.
   * @param weight f32 [out, in], a copy that may be written over, with the active adapters before this one in it.
   * @param base As it is without them.
   */
  abstract mergeWeight(weight: Tensor, base: Linear): Tensor

  /** The same of the bias, f32 [out], which may not be written over. Default: it stays as it is. */
  mergeBias(bias: Tensor, _base: Linear): Tensor {
    return bias
  }

  /** What it adds to the base's weight: f32 [out, in]. Default: the difference that merging makes. */
  deltaWeight(base: Linear): Tensor {
    return this.mergedDelta(base)
  }

  /** The difference that merging makes. */
  protected mergedDelta(base: Linear): Tensor {
    const ground = this.ground ?? base
    const merged = this.mergeWeight(dequantize(ground.weights.weight), ground)
    return differenceOf(merged, dequantize(base.weights.weight))
  }

  /**
   * The layer that computes in the base's place while this adapter is active; `null`: the base does. Default `null`.
   */
  get ground(): Linear | null {
    return null
  }

  /**
   * y as a sum of products, of that without this adapter: then a head's loss is taken in pieces. Default `null`: it is
   * no such sum, and the head makes all logits at once.
   */
  products(_x: Tensor, _products: Products, _base: Linear): Products | null {
    return null
  }
}

/** A frozen layer that projects, a linear one or a head, and the adapters of linear layers on it. */
export abstract class AdaptedProjection<Base extends Projection = Projection>
  extends AdaptedLayer<Base, LinearAdapter>
  implements Projection
{
  constructor(base: Base) {
    super({ base_layer: base }, {})
  }

  /** The base as the linear layer that it is to adapters. */
  protected abstract get plain(): Linear

  get inFeatures(): number {
    return this.base.inFeatures
  }

  get outFeatures(): number {
    return this.base.outFeatures
  }

  /**
   * @throws MedAwareError `config` where `rows` says other than one adapter a row of x, or a gradient is wanted under
   * it.
   */
  forward(x: Tensor): Tensor {
    const { alone } = this
    if (alone !== null) return alone.forward(x)
    if (this.rows === null) return this.#through(this.active, x)
    return rowByRow(this, x, this.rows, [...x.shape.slice(0, -1), this.outFeatures], (part, name) =>
      this.#through(name === null ? [] : [name], part),
    )
  }

  mergedWeight(key: string): Tensor {
    const ground = this.groundOf(this.active)
    const base = ground ?? this.plain
    const { bias, weight } = base.weights
    const parts = this.active.map((name) => this.adapter(name))
    if (key === 'weight') {
      const start = ground === null ? this.startOf(base) : dequantize(weight)
      return parts.reduce((full, part) => part.mergeWeight(full, base), start)
    }
    if (key === 'bias' && bias !== null) return parts.reduce((made, part) => part.mergeBias(made, base), bias)
    throw new MedAwareError('not-found', `mergedWeight: the projection has no ${show(key)}`)
  }

  /** What merging begins with: the weight in f32, a copy. */
  protected startOf({ weights: { weight } }: Linear): Tensor {
    return dequantize(weight)
  }

  deltaWeight(name = defaultName): Tensor {
    return this.adapter(name).deltaWeight(this.plain)
  }

  override checkTogether(names: readonly string[]): void {
    super.checkTogether(names)
    this.groundOf(names)
  }

  /**
   * What the base is to active adapters: the layer that one of them computes on; `null`: itself.
   * @throws MedAwareError `unsupported` where two compute on layers of their own.
   */
  protected groundOf(names: readonly string[]): Linear | null {
    let found: Linear | null = null
    for (const name of names) {
      const ground = this.adapters.get(name)?.ground ?? null
      check(found === null || ground === null, 'unsupported', () => {
        return `the adapters ${showNames(names)} are active, and two of them began by LoftQ, each over a base that it quantised for itself; activate one of them`
      })
      found ??= ground
    }
    return found
  }

  #through(names: readonly string[], x: Tensor): Tensor {
    const ground = this.groundOf(names)
    const base = ground ?? this.base
    const plain = ground ?? this.plain
    let project: Project = (input) => base.forward(input)
    for (const name of names) {
      const part = this.adapters.get(name)
      const inner = project
      if (part !== undefined) project = (input) => part.forward(input, inner, plain)
    }
    return project(x)
  }
}

/** A frozen linear layer and the adapters on it. */
export class AdaptedLinear extends AdaptedProjection<Linear> {
  merged(): Linear {
    return new Linear(this.mergedWeight('weight'), this.base.weights.bias && this.mergedWeight('bias'))
  }

  protected get plain(): Linear {
    return this.base
  }
}
