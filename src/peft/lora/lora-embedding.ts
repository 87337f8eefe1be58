import type { Random } from '../../core/random.ts'
import type { Embedding } from '../../nn/embedding.ts'
import { Dropout } from '../../nn/dropout.ts'
import { transpose } from '../../ops/array/transpose.ts'
import { embedding } from '../../ops/embedding.ts'
import { addLinear, linear } from '../../ops/linear.ts'
import { matmul } from '../../ops/matmul.ts'
import { mul } from '../../ops/mul.ts'
import type { Products } from '../../ops/products.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { completeFactors, type Place } from '../adapter-method.ts'
import { draw } from '../draws.ts'
import { embeddingHost, EmbeddingAdapter, type LookUp } from '../layers/adapted-embedding.ts'
import type { LoraConfig } from './lora-config.ts'

/** The low-rank factors of an update of a table: A f32 [r, v], B f32 [c, r]. */
type EmbeddingFactors = Readonly<Record<'lora_embedding_A' | 'lora_embedding_B', Tensor>>

/** How LoRA is put on a table. */
export interface EmbeddingPlace {
  readonly path: string
  readonly layer: Embedding
  readonly rank: number
  readonly scaling: number
  /** Of a tied head's input; vectors of tokens are never dropped. */
  readonly dropout: number
  readonly init: LoraConfig['initLoraWeights']
  /** Whether a tied head computes with the update. */
  readonly tiesHead: boolean
}

/** A place at a table of embeddings. */
export function loraEmbeddingPlace({ path, layer, rank, init, ...told }: EmbeddingPlace): Place {
  const { rows, columns } = layer.table
  const shapes = { lora_embedding_A: [rank, rows], lora_embedding_B: [columns, rank] } as const
  const own = (factors: Readonly<Record<string, Tensor>>) =>
    completeFactors<keyof EmbeddingFactors>(path, factors, Object.keys(shapes))
  return {
    ...{ path, shapes },
    start: (factors, random) => start(own(factors), init, random),
    adapted: (name, factors, there) => embeddingHost(there).add(name, new LoraEmbedding(own(factors), told)),
  }
}

/** Where tables start, A is 0 and B drawn (tuners/lora/layer.py, Embedding.update_layer, reset_lora_parameters). */
function start(
  { lora_embedding_A: a, lora_embedding_B: b }: EmbeddingFactors,
  init: LoraConfig['initLoraWeights'],
  random: Random,
): void {
  if (init === false) draw(a, () => random.normal())
  draw(b, () => random.normal())
}

/**
 * A low-rank update of a table: row i is W_i + scaling · B a_i with a_i the i-th column of A. LoRA, arXiv 2106.09685;
 * peft/tuners/lora/layer.py, Embedding.
 */
export class LoraEmbedding extends EmbeddingAdapter<EmbeddingFactors> {
  readonly scaling: number
  override readonly tiesHead: boolean
  readonly #dropout: Dropout

  constructor(
    factors: EmbeddingFactors,
    { scaling, dropout, tiesHead }: Pick<EmbeddingPlace, 'scaling' | 'dropout' | 'tiesHead'>,
  ) {
    const lora_dropout = new Dropout(dropout)
    super(factors, { lora_dropout })
    this.scaling = scaling
    this.tiesHead = tiesHead
    this.#dropout = lora_dropout
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
