import type { Embedding } from '../../nn/embedding.ts'
import { Dropout } from '../../nn/dropout.ts'
import { transpose } from '../../ops/array/transpose.ts'
import { embedding } from '../../ops/embedding.ts'
import { addLinear, linear } from '../../ops/linear.ts'
import { matmul } from '../../ops/matmul.ts'
import { mul } from '../../ops/mul.ts'
import type { Products } from '../../ops/products.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { type Factors, keyPrefix } from '../layers/adapted-layer.ts'
import { EmbeddingAdapter, type LookUp } from '../layers/adapted-embedding.ts'
import type { LoraConfig } from './lora-config.ts'

/** The low-rank factors of an update of a table: A f32 [r, v], B f32 [c, r]. */
export type EmbeddingFactors = Readonly<Record<'lora_embedding_A' | 'lora_embedding_B', Tensor>>

/** How LoRA is put on a table. */
export interface EmbeddingPlace {
  readonly path: string
  readonly layer: Embedding
  readonly rank: number
  readonly scaling: number
  /** Of a tied head's input; vectors of tokens are never dropped. */
  readonly dropout: number
  readonly init: LoraConfig['initLoraWeights']
  /** Path of a tied head that computes with the update, whose file has it twice; `null` for none. */
  readonly tiesHead: string | null
}

/** A tied head's own name of what the table has, transposed. */
export function headKey(head: string, name: 'lora_A' | 'lora_B'): string {
  return `${keyPrefix}${head}.${name}.weight`
}

/**
 * A low-rank update of a table: row i is W_i + scaling · B a_i with a_i the i-th column of A. LoRA, arXiv 2106.09685;
 * peft/tuners/lora/layer.py, Embedding.
 */
export class LoraEmbedding extends EmbeddingAdapter<EmbeddingFactors> {
  readonly scaling: number
  override readonly tiesHead: boolean
  readonly #head: string | null
  readonly #dropout: Dropout

  constructor(
    factors: EmbeddingFactors,
    { scaling, dropout, tiesHead }: Pick<EmbeddingPlace, 'scaling' | 'dropout' | 'tiesHead'>,
  ) {
    const lora_dropout = new Dropout(dropout)
    super(factors, { lora_dropout })
    this.scaling = scaling
    this.tiesHead = tiesHead !== null
    this.#head = tiesHead
    this.#dropout = lora_dropout
  }

  /** A head's A is B transposed, and its B is A transposed. */
  override saved(): Factors {
    const { factors } = this
    if (this.#head === null) return factors
    const { lora_embedding_A: a, lora_embedding_B: b } = factors
    const ofHead = { lora_A: transpose(b, 0, 1), lora_B: transpose(a, 0, 1) }
    return {
      ...factors,
      [headKey(this.#head, 'lora_A')]: ofHead.lora_A,
      [headKey(this.#head, 'lora_B')]: ofHead.lora_B,
    }
  }

  forward(ids: Tensor, lookUp: LookUp): Tensor {
    const { lora_embedding_A: a, lora_embedding_B: b } = this.factors
    return addLinear(lookUp(ids), embedding(ids, transpose(a, 0, 1)), b, this.scaling)
  }

  override tied(x: Tensor, products: Products): Products | null {
    if (!this.tiesHead) return null
    const { lora_embedding_A: a, lora_embedding_B: b } = this.factors
    const low = mul(linear(this.#dropout.forward(x), transpose(b, 0, 1)), this.scaling)
    return [...products, { x: low, weight: transpose(a, 0, 1) }]
  }

  mergeWeight(weight: Tensor): Tensor {
    const { lora_embedding_A: a, lora_embedding_B: b } = this.factors
    const low = transpose(b, 0, 1)
    return matmul(a, low, { transA: true, out: weight, accumulate: true, alpha: this.scaling })
  }

  describe(): string {
    const { rows } = this.factors.lora_embedding_A
    return `r ${rows}, scaling ${this.scaling}, dropout ${this.#dropout.p}${this.tiesHead ? ', tied' : ''}`
  }
}
