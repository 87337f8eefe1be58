import { check, MedAwareError } from '../core/errors.ts'
import { sameShape, type Shape, showShape } from '../core/shape.ts'
import { Embedding, type Lookup } from '../nn/embedding.ts'
import { type Head, LanguageHead, TiedHead } from '../nn/language-head.ts'
import { LayerNorm } from '../nn/layer-norm.ts'
import { Linear, type Projection } from '../nn/linear.ts'
import type { Weight } from '../nn/module.ts'
import { RmsNorm } from '../nn/rms-norm.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { ModelConfig, WeightSpec } from './causal-lm.ts'

/**
 * Where a constructor has a model's weights from: a Map of them by their keys, or what only notes which it asks for.
 */
export interface WeightSource {
  /** The weight of a key; `undefined` where there is none. */
  get(name: string, spec: WeightSpec): Weight | undefined
}

/**
 * Makes a model's modules of weights by their keys below a prefix. What it is asked for, in the order in which it is
 * asked, is the list of the model's weights: keys and shapes are spelt in the constructor and nowhere else.
 */
export class WeightPicker {
  /**
   * @param who Whom errors speak for: the architecture.
   * @param prefix What stands before every key.
   */
  constructor(
    private readonly who: string,
    private readonly source: WeightSource,
    private readonly prefix = '',
  ) {}

  /** The same below a longer prefix. */
  under(name: string): WeightPicker {
    return new WeightPicker(this.who, this.source, `${this.prefix}${name}.`)
  }

  /**
   * A table of vectors [rows, columns] in a format for tables. @param scale What vectors are multiplied by; default
   * 1. @throws MedAwareError as `tensor`.
   */
  embedding(name: string, rows: number, columns: number, scale?: number): Embedding {
    return new Embedding(this.table(`${name}.weight`, rows, columns), scale)
  }

  /**
   * The head: a table of its own, or the embeddings where the config ties it to them. @param embeddings What stands
   * where the model looks vectors up. @throws MedAwareError as `tensor`.
   */
  head(name: string, { tieWordEmbeddings, vocabSize, hiddenSize }: ModelConfig, embeddings: () => Lookup): Head {
    if (tieWordEmbeddings) return new TiedHead(embeddings)
    return new LanguageHead(this.table(`${name}.weight`, vocabSize, hiddenSize))
  }

  /** A table of vectors, or of a head: [rows, columns] in a format for tables. @throws MedAwareError as `tensor`. */
  table(name: string, rows: number, columns: number): Weight {
    const weight = this.#weight(name, [rows, columns], 'embedding', 'normal')
    if (weight instanceof Tensor || weight.isForTables) return weight
    throw this.#cannotBeQuantised(name)
  }

  /**
   * A linear layer, whose weight [out, into] has any storage format, with a bias [out] or without.
   * @throws MedAwareError as `tensor`.
   */
  linear(name: string, sizes: { readonly out: number; readonly into: number; readonly bias: boolean }): Projection {
    const { out, into, bias } = sizes
    const weight = this.#weight(`${name}.weight`, [out, into], 'projection', 'normal')
    return new Linear(weight, bias ? this.vector(`${name}.bias`, out, 'zeros') : null)
  }

  /** Weight and bias [size]. @throws MedAwareError as `tensor`. */
  layerNorm(name: string, size: number, eps: number): LayerNorm {
    return new LayerNorm(this.vector(`${name}.weight`, size, 'ones'), this.vector(`${name}.bias`, size, 'zeros'), eps)
  }

  /**
   * Weight [size].
   * @param shift What is added to it; with 1 it starts from zeros.
   * @throws MedAwareError as `tensor`.
   */
  rmsNorm(name: string, size: number, eps: number, shift: 0 | 1 = 0): RmsNorm {
    return new RmsNorm(this.vector(`${name}.weight`, size, shift === 1 ? 'zeros' : 'ones'), eps, shift)
  }

  /** A tensor [size]. @throws MedAwareError as `tensor`. */
  vector(name: string, size: number, init: 'zeros' | 'ones'): Tensor {
    return this.tensor(name, { shape: [size], role: 'vector', init })
  }

  /**
   * A tensor that is never quantised.
   * @throws MedAwareError `not-found`, `shape` where it has another, `unsupported` where it is quantised.
   */
  tensor(name: string, { shape, role, init }: Omit<WeightSpec, 'name'>): Tensor {
    const weight = this.#weight(name, shape, role, init)
    if (weight instanceof Tensor) return weight
    throw this.#cannotBeQuantised(name)
  }

  #cannotBeQuantised(name: string): MedAwareError {
    return new MedAwareError('unsupported', `${this.who}: ${this.prefix}${name} cannot be quantised`)
  }

  #weight(below: string, shape: Shape, role: WeightSpec['role'], init: WeightSpec['init']): Weight {
    const spec = { name: this.prefix + below, shape, role, init }
    const weight = this.source.get(spec.name, spec)
    if (weight === undefined) throw new MedAwareError('not-found', `${this.who}: no weight ${spec.name}`)
    check(sameShape(weight.shape, shape), 'shape', () => {
      return `${this.who}: ${spec.name} is ${showShape(weight.shape)}, the config says ${showShape(shape)}`
    })
    return weight
  }
}
