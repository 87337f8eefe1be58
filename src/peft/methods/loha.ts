import { flag } from '../../core/options.ts'
import type { Random } from '../../core/random.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { transpose } from '../../ops/array/transpose.ts'
import { addLinear, linear } from '../../ops/linear.ts'
import { mul } from '../../ops/mul.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { type AdapterMethod, linearPlace } from '../adapter-method.ts'
import { configFields, isType } from '../config/config-fields.ts'
import { drawUniform } from '../draws.ts'
import {
  type LycorisConfig,
  lycorisDefaults,
  lycorisRules,
  lycorisSavedRules,
  lycorisTable,
} from '../lycoris/lycoris-config.ts'
import { LycorisLinear } from '../lycoris/lycoris-linear.ts'
import { lycorisPlaces } from '../lycoris/lycoris-places.ts'
import { spellOutTargets } from '../targets/target-matching.ts'

/** How LoHa adapts a model, in PEFT's words (peft/tuners/loha/config.py). */
export interface LohaConfig extends LycorisConfig {
  readonly peftType: 'LOHA'
  /** Whether the update starts at 0; false draws all factors. Default true. */
  readonly initWeights: boolean
}

const rules = { ...lycorisRules, initWeights: flag, peftType: isType('LOHA') }

/** LoHa: a Hadamard product of two low-rank products (FedPara, arXiv 2108.06098; peft/tuners/loha). */
export const loha: AdapterMethod<LohaConfig> = {
  peftType: 'LOHA',
  name: 'LoHa',
  card: { about: 'An adapter of Hadamard products (LoHa)', tags: [] },
  fields: configFields<LohaConfig>({
    ...lycorisTable,
    defaults: { ...lycorisDefaults, initWeights: true, peftType: 'LOHA' },
    rules,
    savedRules: { ...rules, ...lycorisSavedRules },
  }),
  describe: ({ r, alpha, targetModules }) => `r=${r} alpha=${alpha} on ${[targetModules].flat().join(', ')}`,
  places: (model, config, options) =>
    lycorisPlaces(model, config, options, ({ path, layer }, rank, scaling) =>
      linearPlace({
        ...{ path, layer },
        shapes: {
          hada_w1_a: [layer.outFeatures, rank],
          hada_w1_b: [rank, layer.inFeatures],
          hada_w2_a: [layer.outFeatures, rank],
          hada_w2_b: [rank, layer.inFeatures],
        },
        start: (factors, random) => start(factors, config.initWeights, random),
        adapter: (factors) =>
          new LohaLinear(factors, scaling, {
            rank: config.rankDropout,
            isRankScaled: true,
            module: config.moduleDropout,
          }),
      }),
    ),
  spelt: spellOutTargets,
}

type LohaFactors = Readonly<Record<'hada_w1_a' | 'hada_w1_b' | 'hada_w2_a' | 'hada_w2_b', Tensor>>

/** Fills factors of zeros (tuners/loha/layer.py, reset_adapter_parameters). */
function start({ hada_w1_a, hada_w1_b, hada_w2_a, hada_w2_b }: LohaFactors, isZero: boolean, random: Random): void {
  for (const factor of [hada_w1_a, hada_w1_b, hada_w2_a]) drawUniform(factor, random)
  if (!isZero) drawUniform(hada_w2_b, random)
}

/** ΔW = (w1_a w1_b) ∘ (w2_a w2_b); w1_a and w2_a f32 [out, r], w1_b and w2_b f32 [r, in]. */
class LohaLinear extends LycorisLinear<LohaFactors> {
  protected addUpdate(base: Tensor, x: Tensor, scale: number): Tensor {
    const { hada_w1_a: a1, hada_w1_b: b1, hada_w2_a: a2, hada_w2_b: b2 } = this.factors
    const [out, into, rank] = [a1.rows, b1.columns, a1.columns]
    const pairs = rank * rank
    if (pairs * (out + into) >= out * into) return addLinear(base, x, this.#product(), scale)
    // The same map has rank r²: column (i, j) of A is w1_a's i-th times w2_a's j-th, and so for rows of B.
    const a = reshape(mul(reshape(a1, [out, rank, 1]), reshape(a2, [out, 1, rank])), [out, pairs])
    const b = reshape(mul(reshape(b1, [rank, 1, into]), reshape(b2, [1, rank, into])), [pairs, into])
    return addLinear(base, linear(x, b), a, scale)
  }

  protected update(): Tensor {
    return mul(this.#product(), this.scaling)
  }

  protected describeFactors(): string {
    return `r ${this.factors.hada_w1_a.columns}`
  }

  #product(): Tensor {
    const { hada_w1_a: a1, hada_w1_b: b1, hada_w2_a: a2, hada_w2_b: b2 } = this.factors
    return mul(linear(a1, transpose(b1, 0, 1)), linear(a2, transpose(b2, 0, 1)))
  }
}
