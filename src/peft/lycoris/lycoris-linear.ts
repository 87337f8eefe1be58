import { noGrad } from '../../autograd/no-grad.ts'
import { Random } from '../../core/random.ts'
import { Dropout } from '../../nn/dropout.ts'
import { add } from '../../ops/add.ts'
import { mul } from '../../ops/mul.ts'
import { fromArray, type Tensor, zeros } from '../../tensor/tensor.ts'
import type { Factors } from '../layers/adapted-layer.ts'
import { LinearAdapter, type Project } from '../layers/adapted-linear.ts'

/** What LoHa and LoKr leave out at random while training. */
export interface LycorisDropouts {
  /** Probability of an output without the update. */
  readonly rank: number
  /** Whether the outputs that keep it have it raised, so that all have as much of it together. */
  readonly isRankScaled: boolean
  /** Probability of no update at all. */
  readonly module: number
}

/**
 * An update of a projection that is a product of factors: y = W x + b + scaling · ΔW x
 * (peft/tuners/lycoris_utils.py, LycorisLayer). A dropout draws once a pass, for all rows of the batch.
 */
export abstract class LycorisLinear<F extends Factors = Factors> extends LinearAdapter<F> {
  readonly #rankDropout: Dropout
  readonly #moduleDropout: Dropout

  /** @param scaling alpha / r. */
  constructor(
    factors: F,
    readonly scaling: number,
    readonly dropouts: LycorisDropouts,
  ) {
    const [rank_dropout, module_dropout] = [new Dropout(dropouts.rank), new Dropout(dropouts.module)]
    super(factors, { rank_dropout, module_dropout })
    this.#rankDropout = rank_dropout
    this.#moduleDropout = module_dropout
  }

  /** base + scale · ΔW x, written over base, with history. x f32 [..., in], base f32 [..., out]. */
  protected abstract addUpdate(base: Tensor, x: Tensor, scale: number): Tensor

  /** scaling · ΔW: f32 [out, in]. */
  protected abstract update(): Tensor

  /** Its numbers in words, but for dropouts. */
  protected abstract describeFactors(): string

  forward(x: Tensor, project: Project): Tensor {
    // At a factor of 0 the tensors have a gradient still, as optimizers expect.
    const scale = this.#isLeftOut() ? 0 : this.scaling
    const base = project(x)
    const kept = this.#kept(base)
    if (kept === null) return this.addUpdate(base, x, scale)
    return add(base, mul(this.addUpdate(zeros(base.device, base.shape, 'update'), x, scale), kept))
  }

  mergeWeight(weight: Tensor): Tensor {
    const update = this.deltaWeight()
    weight.device.run('accumulate', { x: update, target: weight }, { count: weight.count, alpha: 1 })
    update.dispose()
    return weight
  }

  override deltaWeight(): Tensor {
    return noGrad(() => this.update())
  }

  describe(): string {
    const { rank, isRankScaled, module } = this.dropouts
    return `${this.describeFactors()}, scaling ${this.scaling}, rank dropout ${rank}${isRankScaled ? ' scaled' : ''}, module dropout ${module}`
  }

  #isLeftOut(): boolean {
    const { p, seed, training } = this.#moduleDropout
    return training && p > 0 && !(new Random(seed).uniform() > p)
  }

  /** The share of the update that each output keeps: f32 [out]; null for all of it. */
  #kept({ device, columns }: Tensor): Tensor | null {
    const { p, seed, training } = this.#rankDropout
    if (!training || p === 0) return null
    const random = new Random(seed)
    const kept = Float32Array.from({ length: columns }, () => (random.uniform() > p ? 1 : 0))
    const share = kept.reduce((sum, one) => sum + one, 0) / columns
    // Where none is kept, PEFT divides 0 by 0.
    const by = this.dropouts.isRankScaled && share > 0 ? 1 / share : 1
    return fromArray(
      device,
      kept.map((one) => one * by),
      [columns],
      'rank dropout',
    )
  }
}
