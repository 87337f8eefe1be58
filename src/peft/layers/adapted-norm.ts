import type { NormLayer } from '../../nn/norm-layer.ts'
import { add } from '../../ops/add.ts'
import type { NormalSum } from '../../ops/norm.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import { isFull } from '../../tensor/matrix.ts'
import { copyOf } from '../../tensor/tensor.ts'
import { AdaptedLayer, defaultName, type Factors, LayerAdapter } from './adapted-layer.ts'
import { differenceOf } from './difference.ts'
import { rowByRow } from './row-by-row.ts'

/** One adapter at one normalisation. */
export abstract class NormAdapter<F extends Factors = Factors> extends LayerAdapter<F> {
  /** The norm that computes with this adapter. @param norm As it is without: the base, or what adapters before made. */
  abstract norm(norm: NormLayer): NormLayer
}

/** A frozen layer norm or RMS norm, and the adapters on it. */
export class AdaptedNorm extends AdaptedLayer<NormLayer, NormAdapter> implements NormLayer {
  constructor(base: NormLayer) {
    super({ base_layer: base }, {})
  }

  /** @throws MedAwareError as `rowByRow`, where `rows` says one adapter a row. */
  forward(x: Tensor): Tensor {
    if (this.rows === null || this.alone !== null) return this.#through().forward(x)
    return rowByRow(this, x, this.rows, x.shape, (part, name) => {
      return this.#through(name === null ? [] : [name]).forward(part)
    })
  }

  afterSum(x: Tensor, r: Tensor): NormalSum {
    if (this.rows === null || this.alone !== null) return this.#through().afterSum(x, r)
    const y = add(x, r)
    return { y, out: this.forward(y) }
  }

  with(weights: Factors): NormLayer {
    return this.base.with(weights)
  }

  mergedWeight(key: string): Tensor {
    const weight = this.#through(this.active).weights[key]
    check(weight != null && isFull(weight), 'not-found', () => `mergedWeight: the norm has no ${show(key)}`)
    return weight === this.base.weights[key] ? weight : copyOf(weight, `merged ${key}`)
  }

  merged(): NormLayer {
    return this.base.with(
      Object.fromEntries(Object.keys(this.base.weights).map((key) => [key, this.mergedWeight(key)])),
    )
  }

  deltaWeight(name = defaultName): Tensor {
    const [now, before] = [this.#through([name]).weights['weight'], this.base.weights['weight']]
    check(now != null && before != null && isFull(now) && isFull(before), 'not-found', () => {
      return 'deltaWeight: the norm has no weight'
    })
    return differenceOf(now, before)
  }

  /** The norm that some adapters make, one after another. */
  #through(names: readonly string[] = this.active): NormLayer {
    return this.alone ?? names.reduce((norm, name) => this.adapters.get(name)?.norm(norm) ?? norm, this.base)
  }
}
