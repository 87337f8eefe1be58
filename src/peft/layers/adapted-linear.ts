import { records } from '../../autograd/record.ts'
import { check, MedAwareError } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import { Linear, type Projection } from '../../nn/linear.ts'
import { dequantize } from '../../ops/dequantize.ts'
import { empty, Tensor } from '../../tensor/tensor.ts'
import { AdaptedLayer, defaultName, type Factors, LayerAdapter } from './adapted-layer.ts'

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
   * The base's weight with this adapter in it, without history. @param weight f32 [out, in], a copy that may be written
   * over.
   */
  abstract mergeWeight(weight: Tensor): Tensor

  /** The same of the bias, f32 [out], which may not be written over. Default: it stays as it is. */
  mergeBias(bias: Tensor): Tensor {
    return bias
  }

  /** What it adds to the base's weight: f32 [out, in]. Default: the difference that merging makes. */
  deltaWeight({ weights: { weight } }: Linear): Tensor {
    const [a, b] = [this.mergeWeight(dequantize(weight)), dequantize(weight)]
    const out = empty(a.device, a.shape, 'delta weight')
    a.device.run('add', { a, b, out }, { count: a.count, alpha: -1 })
    return out
  }
}

/** What stands for no adapter in a list of one a row, as in PEFT. */
export const baseName = '__base__'

/** A frozen projection and the adapters on it. */
export class AdaptedLinear extends AdaptedLayer<Linear, LinearAdapter> implements Projection {
  constructor(base: Linear) {
    super({ base_layer: base }, {})
  }

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
    if (!this.isEnabled) return this.base.forward(x)
    return this.rows === null ? this.#through(this.active, x) : this.#rowByRow(x, this.rows)
  }

  mergedWeight(key: string): Tensor {
    const { weight, bias } = this.base.weights
    const parts = this.active.map((name) => this.adapter(name))
    if (key === 'weight') return parts.reduce((full, part) => part.mergeWeight(full), dequantize(weight))
    if (key === 'bias' && bias !== null) return parts.reduce((made, part) => part.mergeBias(made), bias)
    throw new MedAwareError('not-found', `mergedWeight: the projection has no ${show(key)}`)
  }

  merged(): Linear {
    return new Linear(this.mergedWeight('weight'), this.base.weights.bias && this.mergedWeight('bias'))
  }

  deltaWeight(name = defaultName): Tensor {
    return this.adapter(name).deltaWeight(this.base)
  }

  #through(names: readonly string[], x: Tensor): Tensor {
    const { base } = this
    let project: Project = (input) => base.forward(input)
    for (const name of names) {
      const part = this.adapters.get(name)
      const inner = project
      if (part !== undefined) project = (input) => part.forward(input, inner, base)
    }
    return project(x)
  }

  /** Each row of x by its own adapter: rows of one adapter go together, as if they were the batch. */
  #rowByRow(x: Tensor, names: readonly string[]): Tensor {
    const { device, shape } = x
    check(shape[0] === names.length, 'config', () => {
      return `adapter names: ${names.length} for a batch of ${shape[0] ?? 0} rows; there must be one a row`
    })
    check(!records([x, ...Object.values(this.weights)]), 'unsupported', () => {
      return 'adapter names: a row of its own adapter has no gradient; train one adapter at a time'
    })
    const distinct = new Set(names)
    for (const name of distinct) if (name !== baseName) this.adapter(name)
    if (distinct.size === 1) return this.#through([...distinct], x)
    const out = empty(device, [...shape.slice(0, -1), this.outFeatures], 'rows')
    for (const name of distinct) {
      const rows = [...names.keys()].filter((row) => names[row] === name)
      const part = empty(device, [rows.length, ...shape.slice(1)], 'rows')
      for (const [at, row] of rows.entries()) device.copy(rowOf(x, row), rowOf(part, at))
      const y = this.#through([name], part)
      for (const [at, row] of rows.entries()) device.copy(rowOf(y, at), rowOf(out, row))
      part.dispose()
      y.dispose()
    }
    return out
  }
}

/** A row of a batch, as a window of its buffer. */
function rowOf({ device, shape, dtype, buffer, byteOffset, byteLength }: Tensor, row: number): Tensor {
  const [rows = 1, ...rest] = shape
  return new Tensor(device, rest, dtype, buffer, byteOffset + row * (byteLength / rows))
}
