import { either, flag, oneOf, type Rule, whole } from '../../core/options.ts'
import type { Random } from '../../core/random.ts'
import type { Shape } from '../../core/shape.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { transpose } from '../../ops/array/transpose.ts'
import { addLinear, linear } from '../../ops/linear.ts'
import { mul } from '../../ops/mul.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { type AdapterMethod, linearPlace } from '../adapter-method.ts'
import { configFields, isType } from '../config/config-fields.ts'
import { drawUniform } from '../draws.ts'
import type { Factors } from '../layers/adapted-layer.ts'
import {
  type LycorisConfig,
  lycorisDefaults,
  lycorisRules,
  lycorisSavedRules,
  lycorisTable,
} from '../lycoris/lycoris-config.ts'
import { type LycorisDropouts, LycorisLinear } from '../lycoris/lycoris-linear.ts'
import { lycorisPlaces } from '../lycoris/lycoris-places.ts'
import { spellOutTargets } from '../targets/target-matching.ts'

/** How LoKr adapts a model, in PEFT's words (peft/tuners/lokr/config.py). */
export interface LokrConfig extends LycorisConfig {
  readonly peftType: 'LOKR'
  /** Whether to make the left matrix of two factors too, where its rank is above r. Default false. */
  readonly decomposeBoth: boolean
  /** The size of the left matrix's sides where it divides the layer's; -1: near their roots. Default -1. */
  readonly decomposeFactor: number
  /** Whether rank dropout raises what it keeps. Default false. */
  readonly rankDropoutScale: boolean
  /**
   * true: the left matrix starts at 0, so the update does; 'lycoris': the right one, as in LyCORIS; false: neither.
   * Default true.
   */
  readonly initWeights: boolean | 'lycoris'
}

const initRule: Rule<boolean | 'lycoris'> = either(flag, oneOf(['lycoris']))
const rules = {
  ...lycorisRules,
  decomposeBoth: flag,
  decomposeFactor: whole({ from: -1 }),
  rankDropoutScale: flag,
  initWeights: initRule,
  peftType: isType('LOKR'),
}

/** LoKr: a Kronecker product of a small matrix and a low-rank one (LyCORIS, arXiv 2309.14859; peft/tuners/lokr). */
export const lokr: AdapterMethod<LokrConfig> = {
  peftType: 'LOKR',
  name: 'LoKr',
  card: { about: 'An adapter of Kronecker products (LoKr)', tags: [] },
  fields: configFields<LokrConfig>({
    ...lycorisTable,
    defaults: {
      ...lycorisDefaults,
      decomposeBoth: false,
      decomposeFactor: -1,
      rankDropoutScale: false,
      initWeights: true,
      peftType: 'LOKR',
    },
    rules,
    savedRules: { ...rules, ...lycorisSavedRules },
  }),
  describe: ({ r, alpha, targetModules }) => `r=${r} alpha=${alpha} on ${[targetModules].flat().join(', ')}`,
  places: (model, config, options) =>
    lycorisPlaces(model, config, options, ({ path, layer }, rank, scaling) =>
      linearPlace({
        ...{ path, layer },
        shapes: shapesOf(layer.outFeatures, layer.inFeatures, rank, config),
        start: (factors, random) => start(factors, config.initWeights, random),
        adapter: (factors) =>
          new LokrLinear(factors, scaling, {
            rank: config.rankDropout,
            isRankScaled: config.rankDropoutScale,
            module: config.moduleDropout,
          }),
      }),
    ),
  spelt: spellOutTargets,
}

/**
 * A number as a product of two, the first being `factor` where that divides it, else the greatest divisor up to it and
 * to the root; -1 asks for the root (tuners/lokr/layer.py, factorization).
 */
export function factorization(dimension: number, factor: number): readonly [number, number] {
  if (factor > 0 && dimension % factor === 0) return [factor, dimension / factor]
  const most = factor === -1 ? dimension : factor
  let [m, n] = [1, dimension]
  while (m < n) {
    let next = m + 1
    while (dimension % next !== 0) next++
    if (next + dimension / next > m + n || next > most) break
    ;[m, n] = [next, dimension / next]
  }
  return m > n ? [n, m] : [m, n]
}

/**
 * The shapes of w1 [a, c] and w2 [k, n] of a weight [a k, c n], or of their factors (tuners/lokr/layer.py,
 * update_layer).
 */
function shapesOf(out: number, into: number, rank: number, config: LokrConfig): Readonly<Record<string, Shape>> {
  const { decomposeBoth, decomposeFactor } = config
  const [a, k] = factorization(out, decomposeFactor)
  const [c, n] = factorization(into, decomposeFactor)
  const isLow = (rows: number, columns: number) => rank < Math.max(rows, columns) / 2
  return {
    ...(decomposeBoth && isLow(a, c) ? { lokr_w1_a: [a, rank], lokr_w1_b: [rank, c] } : { lokr_w1: [a, c] }),
    ...(isLow(k, n) ? { lokr_w2_a: [k, rank], lokr_w2_b: [rank, n] } : { lokr_w2: [k, n] }),
  }
}

/** Fills factors of zeros (tuners/lokr/layer.py, reset_adapter_parameters and its like). */
function start(factors: Factors, init: LokrConfig['initWeights'], random: Random): void {
  const zero: readonly string[] = init === true ? ['lokr_w1', 'lokr_w1_a'] : init ? ['lokr_w2', 'lokr_w2_b'] : []
  for (const [name, factor] of Object.entries(factors)) if (!zero.includes(name)) drawUniform(factor, random)
}

/** A matrix: whole, or a product of two. */
type Made = readonly [whole: Tensor] | readonly [a: Tensor, b: Tensor]

/** ΔW = w1 ⊗ w2; w1 f32 [a, c], w2 f32 [k, n], ΔW [a k, c n]. */
class LokrLinear extends LycorisLinear {
  readonly #w1: Made
  readonly #w2: Made

  constructor(factors: Factors, scaling: number, dropouts: LycorisDropouts) {
    super(factors, scaling, dropouts)
    this.#w1 = madeOf(factors, 'lokr_w1')
    this.#w2 = madeOf(factors, 'lokr_w2')
  }

  /** Without the product itself: x as [..., c, n] goes through w2's second factor, w1 and w2's first. */
  protected addUpdate(base: Tensor, x: Tensor, scale: number): Tensor {
    const w1 = product(this.#w1)
    const [last, first] = this.#w2
    const tokens = x.rows
    const parts = reshape(x, [tokens, w1.columns, -1])
    const low = first === undefined ? parts : linear(parts, first)
    const mixed = transpose(linear(transpose(low, 1, 2), w1), 1, 2)
    return reshape(addLinear(reshape(base, [tokens, w1.rows, -1]), mixed, last, scale), base.shape)
  }

  protected update(): Tensor {
    const [w1, w2] = [product(this.#w1), product(this.#w2)]
    const [a, c, k, n] = [w1.rows, w1.columns, w2.rows, w2.columns]
    const kron = mul(reshape(w1, [a, 1, c, 1]), reshape(w2, [1, k, 1, n]))
    return mul(reshape(kron, [a * k, c * n]), this.scaling)
  }

  protected describeFactors(): string {
    return [this.#w1, this.#w2].map((made) => made.map(({ shape }) => `[${shape.join()}]`).join(' ')).join(' ⊗ ')
  }
}

/** The matrix of a name, or its factors. */
function madeOf(factors: Factors, name: string): Made {
  const { [name]: whole, [`${name}_a`]: a, [`${name}_b`]: b } = factors
  if (whole !== undefined) return [whole]
  if (a === undefined || b === undefined) throw new Error(`LoKr: no ${name}`)
  return [a, b]
}

function product([a, b]: Made): Tensor {
  return b === undefined ? a : linear(a, transpose(b, 0, 1))
}
