import type { Shape } from '../../core/shape.ts'
import { Embedding } from '../../nn/embedding.ts'
import { LanguageHead, TiedHead } from '../../nn/language-head.ts'
import { Linear } from '../../nn/linear.ts'
import type { Module, Weights } from '../../nn/module.ts'
import { isNorm, type NormLayer } from '../../nn/norm-layer.ts'
import { dequantize } from '../../ops/dequantize.ts'
import { linear } from '../../ops/linear.ts'
import { embedding } from '../../ops/embedding.ts'
import type { Products } from '../../ops/products.ts'
import { isFull } from '../../tensor/matrix.ts'
import { copyOf, type Tensor } from '../../tensor/tensor.ts'
import type { Place } from '../adapter-method.ts'
import { EmbeddingAdapter, embeddingHost } from './adapted-embedding.ts'
import { plainHead, projectionHost } from './adapted-head.ts'
import { type AdaptedLayer, type Factors, isAdapted, keyPrefix } from './adapted-layer.ts'
import { LinearAdapter } from './adapted-linear.ts'
import { AdaptedNorm, NormAdapter } from './adapted-norm.ts'

/** Where a copy's tensors are found. */
export interface CopyKeys {
  /** The name behind the path in PEFT's file, by the layer's own: `ln_tuning_layers.weight`. */
  name(own: string): string
  /** As `Place.parameterName`, by the layer's own name. */
  parameterName(own: string, adapter: string): string
}

/** How a copy of an embedding is made. */
export interface CopyOptions {
  /** Path of a head that is the copy too, while it is trained and when it is merged; a file has it twice. */
  readonly tiesHead: string | null
}

/** Whether a layer can be trained whole: linear layers of any format, heads, embeddings, norms. */
export function canCopy(layer: Module): boolean {
  return weightsOf(layer) !== null
}

/** A place where a copy of the layer, in f32, is trained in its stead, whole. */
export function copyPlace(path: string, layer: Module, keys: CopyKeys, { tiesHead }: CopyOptions): Place {
  const weights = Object.entries(weightsOf(layer) ?? {}).flatMap(([own, weight]) =>
    weight === null ? [] : [{ own, name: keys.name(own), weight }],
  )
  const ownOf = new Map(weights.map(({ own, name }) => [name, own]))
  const shapes: Record<string, Shape> = Object.fromEntries(weights.map(({ name, weight }) => [name, weight.shape]))
  return {
    path,
    shapes,
    ...(tiesHead !== null && {
      repeats: Object.fromEntries(weights.map(({ name, weight }) => [headKey(tiesHead, name), weight.shape])),
    }),
    parameterName: (name, adapter) => keys.parameterName(ownOf.get(name) ?? name, adapter),
    start: (factors) => {
      for (const { name, weight } of weights) {
        const target = factors[name]
        if (target === undefined) continue
        const full = isFull(weight) ? weight : dequantize(weight)
        target.device.copy(full, target)
        if (full !== weight) full.dispose()
      }
    },
    adapted: (adapter, factors, there) => {
      const own = Object.fromEntries(weights.map(({ own, name }) => [own, factors[name]] as const))
      return copied(path, there, adapter, { factors, own: complete(path, own), tiesHead })
    },
  }
}

interface Copy {
  /** The tensors by the names of the file. */
  readonly factors: Factors
  /** The same by the layer's own. */
  readonly own: Factors
  readonly tiesHead: string | null
}

function headKey(head: string, name: string): string {
  return `${keyPrefix}${head}.${name}`
}

function copied(path: string, there: Module, name: string, { factors, own, tiesHead }: Copy): AdaptedLayer {
  const bare = isAdapted(there) ? there.base : there
  if (bare instanceof Embedding) {
    return embeddingHost(there).add(name, new EmbeddingCopy(factors, own, tiesHead))
  }
  if (isNorm(bare)) {
    const host = there instanceof AdaptedNorm ? there : new AdaptedNorm(bare)
    return host.add(name, new NormCopy(factors, own))
  }
  const host = projectionHost(there)
  if (host === null) throw new Error(`${path}: no layer that can be copied`)
  return host.add(name, new LinearCopy(factors, own))
}

/** What a layer is made of, `null` for what cannot be trained whole. */
function weightsOf(layer: Module): Weights | null {
  if (layer instanceof LanguageHead || layer instanceof TiedHead) return plainHead(layer).weights
  return layer instanceof Linear || layer instanceof Embedding || isNorm(layer) ? layer.weights : null
}

function complete(path: string, own: Readonly<Record<string, Tensor | undefined>>): Factors {
  return Object.fromEntries(
    Object.entries(own).map(([name, tensor]) => {
      if (tensor === undefined) throw new Error(`${path}: no copy of ${name}`)
      return [name, tensor]
    }),
  )
}

const whole = 'trained whole'

/** Another linear layer, or head, in the place of the base. */
class LinearCopy extends LinearAdapter {
  readonly #weight: Tensor
  readonly #bias: Tensor | null

  constructor(factors: Factors, { weight, bias = null }: Readonly<Record<string, Tensor | null>>) {
    super(factors)
    if (weight == null) throw new Error('a copy without a weight')
    this.#weight = weight
    this.#bias = bias
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.#weight, this.#bias)
  }

  override products(x: Tensor): Products {
    return [{ x, weight: this.#weight }]
  }

  mergeWeight(weight: Tensor): Tensor {
    weight.device.copy(this.#weight, weight)
    return weight
  }

  override mergeBias(bias: Tensor): Tensor {
    return this.#bias === null ? bias : copyOf(this.#bias, 'merged bias')
  }

  describe(): string {
    return whole
  }
}

/** Another table in the place of the base. */
class EmbeddingCopy extends EmbeddingAdapter {
  override readonly tiesHead: boolean
  readonly #weight: Tensor

  /** @param head Path of the head that is the copy too. */
  constructor(
    factors: Factors,
    { weight }: Factors,
    private readonly head: string | null,
  ) {
    super(factors)
    if (weight === undefined) throw new Error('a copy without a weight')
    this.#weight = weight
    this.tiesHead = head !== null
  }

  override saved(): Factors {
    const { head, factors } = this
    if (head === null) return factors
    const twice = Object.entries(factors).map(([name, factor]) => [headKey(head, name), factor] as const)
    return { ...factors, ...Object.fromEntries(twice) }
  }

  forward(ids: Tensor): Tensor {
    return embedding(ids, this.#weight)
  }

  override tied(x: Tensor): Products | null {
    return this.tiesHead ? [{ x, weight: this.#weight }] : null
  }

  mergeWeight(weight: Tensor): Tensor {
    weight.device.copy(this.#weight, weight)
    return weight
  }

  describe(): string {
    return this.head === null ? whole : `${whole}, and a tied head with it`
  }
}

/** Another norm in the place of the base. */
class NormCopy extends NormAdapter {
  readonly #own: Factors

  constructor(factors: Factors, own: Factors) {
    super(factors)
    this.#own = own
  }

  norm(norm: NormLayer): NormLayer {
    return norm.with(this.#own)
  }

  describe(): string {
    return whole
  }
}

/** No adapter: a tied head that gets a table of its own when it is merged, for the embeddings leave it. */
class OwnTable extends LinearAdapter {
  constructor() {
    super({})
  }

  forward(x: Tensor, project: (x: Tensor) => Tensor): Tensor {
    return project(x)
  }

  override products(_x: Tensor, products: Products): Products {
    return products
  }

  mergeWeight(weight: Tensor): Tensor {
    return weight
  }

  describe(): string {
    return 'a table of its own once merged'
  }
}

/** A place at a tied head whose embeddings are trained without it: merged, each has a table of its own. */
export function untiedPlace(path: string): Place {
  return {
    path,
    shapes: {},
    start: () => undefined,
    adapted: (name, _factors, there) => {
      const host = projectionHost(there)
      if (host === null) throw new Error(`${path}: no head`)
      return host.add(name, new OwnTable())
    },
  }
}
