import { MedAwareError } from '../core/errors.ts'
import { Embedding } from '../nn/embedding.ts'
import { LayerNorm } from '../nn/layer-norm.ts'
import { Linear, type Projection } from '../nn/linear.ts'
import type { Weight } from '../nn/module.ts'
import { RmsNorm } from '../nn/rms-norm.ts'
import { Tensor } from '../tensor/tensor.ts'

/** Makes modules of weights by their key below a prefix. */
export class WeightPicker {
  /**
   * @param who Whom errors speak for: the architecture.
   * @param prefix What stands before every key.
   */
  constructor(
    private readonly who: string,
    private readonly weights: ReadonlyMap<string, Weight>,
    private readonly prefix = '',
  ) {}

  /** The same below a longer prefix. */
  under(name: string): WeightPicker {
    return new WeightPicker(this.who, this.weights, `${this.prefix}${name}.`)
  }

  /** @throws MedAwareError `not-found`, or `unsupported` where it is quantised; so do the rest. */
  tensor(name: string): Tensor {
    const weight = this.#weight(name)
    if (weight instanceof Tensor) return weight
    throw new MedAwareError('unsupported', `${this.who}: ${this.prefix}${name} cannot be quantised`)
  }

  embedding(name: string): Embedding {
    return new Embedding(this.tensor(`${name}.weight`))
  }

  /** A layer whose weight has any storage format. */
  linear(name: string, hasBias: boolean): Projection {
    return new Linear(this.#weight(`${name}.weight`), hasBias ? this.tensor(`${name}.bias`) : null)
  }

  layerNorm(name: string, eps: number): LayerNorm {
    return new LayerNorm(this.tensor(`${name}.weight`), this.tensor(`${name}.bias`), eps)
  }

  rmsNorm(name: string, eps: number): RmsNorm {
    return new RmsNorm(this.tensor(`${name}.weight`), eps)
  }

  #weight(name: string): Weight {
    const weight = this.weights.get(this.prefix + name)
    if (weight === undefined) throw new MedAwareError('not-found', `${this.who}: no weight ${this.prefix}${name}`)
    return weight
  }
}
