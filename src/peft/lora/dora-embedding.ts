import { noGrad } from '../../autograd/no-grad.ts'
import { MedAwareError } from '../../core/errors.ts'
import type { Embedding } from '../../nn/embedding.ts'
import type { Weight } from '../../nn/module.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { transpose } from '../../ops/array/transpose.ts'
import { dequantize } from '../../ops/dequantize.ts'
import { rescale } from '../../ops/magnitude/rescale.ts'
import { updatedNorms } from '../../ops/magnitude/updated-norms.ts'
import { mul } from '../../ops/mul.ts'
import { Kept } from '../../tensor/kept.ts'
import { fromArray, type Tensor } from '../../tensor/tensor.ts'
import type { LookUp } from '../layers/adapted-embedding.ts'
import { type EmbeddingFactors, type EmbeddingPlace, LoraEmbedding } from './lora-embedding.ts'

/** The factors of a LoRA, and m: what the columns of the adapted table are long, f32 [c]. */
export type DoraEmbeddingFactors = EmbeddingFactors & Readonly<Record<'lora_magnitude_vector', Tensor>>

/**
 * A low-rank update of a table whose columns' lengths are trained by themselves: row i is m / n ∘ (W_i + scaling · B
 * a_i) with n = ‖W + scaling · (B A)ᵀ‖ of each column, a constant to the gradient. DoRA, arXiv 2402.09353;
 * peft/tuners/lora/dora.py, DoraEmbeddingLayer. It keeps the table transposed in f32.
 */
export class DoraEmbedding extends LoraEmbedding {
  readonly #m: Tensor
  readonly #base: Embedding
  readonly #transposed = new Kept()
  readonly #norms = new Kept()

  constructor(factors: DoraEmbeddingFactors, told: Pick<EmbeddingPlace, 'layer' | 'scaling' | 'dropout'>) {
    super(factors, { ...told, tiesHead: null })
    this.#m = factors.lora_magnitude_vector
    this.#base = told.layer
  }

  override forward(ids: Tensor, lookUp: LookUp): Tensor {
    return rescale(super.forward(ids, lookUp), this.#m, this.#lengths())
  }

  override mergeWeight(weight: Tensor): Tensor {
    const { device, count } = this.#m
    const ones = fromArray(device, new Float32Array(count).fill(1), [count], 'ones')
    const quotients = rescale(ones, this.#m, this.#lengths())
    return mul(super.mergeWeight(weight), reshape(quotients, [1, count]))
  }

  override checkRows(): void {
    throw new MedAwareError('unsupported', 'adapter names: not with DoRA, as in PEFT; set the adapter active instead')
  }

  /** Makes m the lengths of columns as they are. */
  startMagnitude(): void {
    this.#m.device.copy(this.#lengths(), this.#m)
  }

  override free(): void {
    this.#transposed.free()
    this.#norms.free()
  }

  override describe(): string {
    return `DoRA, ${super.describe()}`
  }

  #lengths(): Tensor {
    const { table } = this.#base
    const { lora_embedding_A: a, lora_embedding_B: b } = this.factors
    const columns = this.#transposed.get(table.tensors, () => noGrad(() => transposedOf(table)))
    return this.#norms.get([a, b, ...table.tensors], () => updatedNorms(columns, a, b, this.scaling))
  }
}

/** f32 [c, v]. */
function transposedOf(table: Weight): Tensor {
  const full = dequantize(table)
  const made = transpose(full, 0, 1)
  full.dispose()
  return made
}
