import { Dropout } from '../../nn/dropout.ts'
import type { Linear } from '../../nn/linear.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { transpose } from '../../ops/array/transpose.ts'
import { embedding } from '../../ops/embedding.ts'
import { addLinear, linear } from '../../ops/linear.ts'
import { matmul, type MatmulOptions } from '../../ops/matmul.ts'
import { mul } from '../../ops/mul.ts'
import { empty, fromArray, type Tensor, zeros } from '../../tensor/tensor.ts'
import type { Factors } from '../layers/adapted-layer.ts'
import { LinearAdapter, type Project } from '../layers/adapted-linear.ts'

/** Names of the triplets of an update: A f32 [r, in], E f32 [r, 1], B f32 [out, r]. */
export type Triplets = Readonly<Record<'lora_A' | 'lora_B' | 'lora_E', Tensor>>

/** What an update is told. */
export interface SvdSettings {
  /** loraAlpha, or the rank where that is not above 0. */
  readonly alpha: number
  /** The rank it is divided by, which stays as it was when the rank is reduced. */
  readonly rankNumber: number
  readonly dropout: number
}

/**
 * An update in the form of a singular value decomposition: y = W x + b + alpha / (rankNumber + 1e-5) · B (E ∘ A)
 * dropout(x). AdaLoRA, arXiv 2303.10512; peft/tuners/adalora/layer.py, SVDLinear.
 */
export class SvdLinear extends LinearAdapter<Triplets> {
  readonly scaling: number
  /** Which triplets the budget leaves, once it has been allotted. A file holds these alone. */
  kept: readonly boolean[] | null = null
  /** Steps of the training, once a run has said. */
  totalStep: number | null = null
  readonly #dropout: Dropout

  constructor(
    factors: Triplets,
    readonly settings: SvdSettings,
  ) {
    const lora_dropout = new Dropout(settings.dropout)
    super(factors, { lora_dropout })
    this.scaling = settings.alpha / Math.fround(Math.fround(settings.rankNumber) + Math.fround(1e-5))
    this.#dropout = lora_dropout
  }

  /** Triplets it has, of which none may be left. */
  get rank(): number {
    return this.factors.lora_E.count
  }

  forward(x: Tensor, project: Project): Tensor {
    if (this.rank === 0) return project(x)
    const { lora_A, lora_B, lora_E } = this.factors
    const low = mul(linear(this.#dropout.forward(x), lora_A), reshape(lora_E, [this.rank]))
    return addLinear(project(x), low, lora_B, this.scaling)
  }

  mergeWeight(weight: Tensor): Tensor {
    return this.rank === 0 ? weight : this.#update({ out: weight, accumulate: true })
  }

  /** alpha / (rankNumber + 1e-5) · B (E ∘ A). */
  override deltaWeight({ inFeatures, outFeatures }: Linear): Tensor {
    if (this.rank === 0) return zeros(this.factors.lora_E.device, [outFeatures, inFeatures], 'no triplets')
    return this.#update({})
  }

  override saved(): Factors {
    const { kept } = this
    if (kept === null || kept.every((isKept) => isKept)) return this.factors
    const ids = Int32Array.from(kept.keys()).filter((i) => kept[i])
    const { lora_A, lora_B, lora_E } = this.factors
    return {
      lora_A: rowsAt(lora_A, ids),
      lora_B: ids.length === 0 ? rowsAt(lora_B, ids, [lora_B.rows, 0]) : columnsAt(lora_B, ids),
      lora_E: rowsAt(lora_E, ids),
    }
  }

  describe(): string {
    const { alpha, rankNumber, dropout } = this.settings
    return `r ${this.rank}, alpha ${alpha} / ${rankNumber}, dropout ${dropout}`
  }

  #update(options: MatmulOptions): Tensor {
    const { lora_A, lora_B, lora_E } = this.factors
    return matmul(lora_B, mul(lora_A, lora_E), { ...options, alpha: this.scaling })
  }
}

/** Some rows of a matrix, without history. */
function rowsAt(matrix: Tensor, ids: Int32Array<ArrayBuffer>, shape = [ids.length, matrix.columns]): Tensor {
  const { device } = matrix
  if (ids.length === 0) return empty(device, shape, 'no triplets')
  return embedding(fromArray(device, ids, [ids.length], 'triplets'), matrix)
}

function columnsAt(matrix: Tensor, ids: Int32Array<ArrayBuffer>): Tensor {
  return transpose(rowsAt(transpose(matrix, 0, 1), ids), 0, 1)
}
