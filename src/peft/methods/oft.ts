import { noGrad } from '../../autograd/no-grad.ts'
import { tidy } from '../../autograd/record.ts'
import { check } from '../../core/errors.ts'
import { flag, number, oneOf, type Rule, that, whole } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import { add } from '../../ops/add.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { transpose } from '../../ops/array/transpose.ts'
import { bmm } from '../../ops/blocks/bmm.ts'
import { inverse } from '../../ops/blocks/inverse.ts'
import { linear } from '../../ops/linear.ts'
import { mul } from '../../ops/mul.ts'
import { skewSymmetric } from '../../ops/blocks/skew-symmetric.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { type AdapterMethod, linearPlace } from '../adapter-method.ts'
import {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  configFields,
  isType,
  targetRules,
} from '../config/config-fields.ts'
import { lackingAnywhere, lackingTransposed } from '../config/features.ts'
import { checkLayers, layerRules } from '../config/layer-fields.ts'
import { draw } from '../draws.ts'
import { LinearAdapter, type Project } from '../layers/adapted-linear.ts'
import { modelBiases } from '../targets/model-biases.ts'
import { NamePatterns } from '../targets/module-names.ts'
import { findTargets, spellOutTargets, type TargetNames } from '../targets/target-matching.ts'

/** How OFT adapts a model, in PEFT's words (peft/tuners/oft/config.py). */
export interface OftConfig extends AdapterConfig, TargetNames {
  readonly peftType: 'OFT'
  /** Blocks that the inputs of a projection fall into; 0 where oftBlockSize says it. Default 0. */
  readonly r: number
  /** Inputs of a block; 0 where r says it. A projection takes the nearest divisor of its inputs. Default 32. */
  readonly oftBlockSize: number
  /** PEFT 0.21.2 never applies it; kept for saving. Default 0. */
  readonly moduleDropout: number
  /** Which biases to train: none, those of adapted projections, or all of the model. Default 'none'. */
  readonly bias: 'none' | 'all' | 'oft_only'
  /** Whether the rotations start at none; false draws their tensors from N(0, 0.1²). Default true. */
  readonly initWeights: boolean
  /** Whether a forward pass shrinks what is trained to a norm of at most eps / √blocks, a block. Default false. */
  readonly coft: boolean
  /** How far coft lets a rotation go. Default 6e-5. */
  readonly eps: number
  /** Whether all blocks of a projection share one rotation. Default false. */
  readonly blockShare: boolean
  /** Whether a series stands for the inverse in Cayley's transform, so that rotations are nearly orthogonal. Default true. */
  readonly useCayleyNeumann: boolean
  /** Terms of that series. Default 5. */
  readonly numCayleyNeumannTerms: number
  /** Whether weights are stored [in, out]; only false. */
  readonly fanInFanOut: false
}

const noDropout: Rule<number> = {
  expects: '0',
  read: (value, at) => {
    check(typeof value !== 'number' || value === 0, 'unsupported', () => {
      return `${at} ${show(value)} would do nothing: PEFT 0.21.2 makes this dropout and never applies it; leave it out`
    })
    return value === 0 ? value : undefined
  },
}

const rules = {
  r: whole({ from: 0 }),
  oftBlockSize: whole({ from: 0 }),
  moduleDropout: noDropout,
  bias: oneOf(['none', 'all', 'oft_only']),
  initWeights: flag,
  coft: flag,
  eps: number({ from: 0 }),
  blockShare: flag,
  useCayleyNeumann: flag,
  numCayleyNeumannTerms: whole({ from: 1 }),
  fanInFanOut: that('false', (value): value is false => value === false),
  ...targetRules,
  ...layerRules,
  ...commonRules,
  peftType: isType('OFT'),
}

const fields = configFields<OftConfig>({
  defaults: {
    peftType: 'OFT',
    r: 0,
    oftBlockSize: 32,
    moduleDropout: 0,
    bias: 'none',
    initWeights: true,
    coft: false,
    eps: 6e-5,
    blockShare: false,
    useCayleyNeumann: true,
    numCayleyNeumannTerms: 5,
    fanInFanOut: false,
    targetModules: ['query_key_value'],
    excludeModules: null,
    layersToTransform: null,
    layersPattern: null,
    ...commonDefaults,
  },
  rules,
  savedRules: { ...rules, moduleDropout: number({ from: 0, to: 1 }) },
  lacking: { ...lackingAnywhere, ...lackingTransposed },
  maybeNull: ['targetModules', 'fanInFanOut'],
  floats: ['eps', 'module_dropout'],
  forModel: ({ loraTargets }) => (loraTargets === undefined ? {} : { targetModules: loraTargets }),
  check: (config, who, nameOf) => {
    checkLayers(config, who, nameOf)
    const { r, oftBlockSize } = config
    check((r === 0) !== (oftBlockSize === 0), 'config', () => {
      const given = `${nameOf('r')} ${r} and ${nameOf('oftBlockSize')} ${oftBlockSize}`
      return `${who}: ${given}: one of them must be 0, for the other says it`
    })
  },
})

/** OFT: orthogonal fine-tuning, rotations of a projection's inputs (arXiv 2306.07280, 2506.19847; peft/tuners/oft). */
export const oft: AdapterMethod<OftConfig> = {
  peftType: 'OFT',
  name: 'OFT',
  card: { about: 'An orthogonal adapter (OFT), which rotates the inputs of projections,', tags: [] },
  fields,
  describe: ({ r, oftBlockSize, bias, targetModules }) =>
    [
      r === 0 ? `blocks of ${oftBlockSize}` : `r=${r}`,
      ...(bias === 'none' ? [] : [`bias ${bias}`]),
      `on ${[targetModules].flat().join(', ')}`,
    ].join(' '),
  places: (model, config, { who, isPartialOk }) => {
    const targets = findTargets(model, config, { patterns: new NamePatterns(who), isPartialOk })
    return targets.map(({ path, layer }) => {
      const size = blockSizeOf(layer.inFeatures, config)
      check(size > 1, 'config', () => {
        const given = config.r === 0 ? `oftBlockSize ${config.oftBlockSize}` : `r ${config.r}`
        return `${who}: ${given} leaves the ${layer.inFeatures} inputs of ${show(path)} in blocks of 1, which cannot be rotated; choose larger blocks`
      })
      const rows = config.blockShare ? 1 : layer.inFeatures / size
      return linearPlace({
        ...{ path, layer },
        shapes: { 'oft_R.weight': [rows, (size * (size - 1)) / 2] },
        start: ({ 'oft_R.weight': weight }, random) => {
          if (!config.initWeights) draw(weight, () => random.normal() / 10)
        },
        adapter: (factors) => new OftLinear(factors, size, config),
      })
    })
  },
  spelt: (config, model, places) =>
    spellOutTargets(
      model,
      config,
      places.map(({ path }) => path),
    ),
  trained: (model, { bias }, places) => modelBiases(model, bias === 'oft_only' ? 'adapted' : bias, places),
}

/** The size of blocks of so many inputs (tuners/oft/layer.py, update_layer). */
function blockSizeOf(inputs: number, { r, oftBlockSize }: OftConfig): number {
  return r === 0 ? divisorNear(inputs, oftBlockSize) : inputs / divisorNear(inputs, r)
}

/** The divisor that is nearest, the lower of two; the number itself where `wanted` is not below it (adjust_oft_parameters). */
function divisorNear(number: number, wanted: number): number {
  if (wanted >= number) return number
  let [lower, higher] = [wanted, wanted]
  while (number % lower !== 0) lower--
  while (number % higher !== 0) higher++
  return wanted - lower <= higher - wanted ? lower : higher
}

type OftFactors = Readonly<Record<'oft_R.weight', Tensor>>

/** y = W (x R) + b, R block-diagonal of Cayley's transforms of skew-symmetric matrices Q: (I - Q) (I + Q)⁻¹. */
class OftLinear extends LinearAdapter<OftFactors> {
  /** @param factors What stands above the diagonals of Q, row by row: f32 [blocks, size (size - 1) / 2], or one for all. */
  constructor(
    factors: OftFactors,
    readonly size: number,
    readonly config: Pick<OftConfig, 'coft' | 'eps' | 'useCayleyNeumann' | 'numCayleyNeumannTerms'>,
  ) {
    super(factors)
  }

  forward(x: Tensor, project: Project): Tensor {
    return project(this.#rotated(x, this.#rotations()))
  }

  mergeWeight(weight: Tensor): Tensor {
    const { device } = weight
    // W (x R) is (W Rᵀ) x for columns x.
    const merged = noGrad(() => tidy(device, () => this.#rotated(weight, transpose(this.#rotations(), 1, 2))))
    device.copy(merged, weight)
    merged.dispose()
    return weight
  }

  describe(): string {
    const { coft, eps, useCayleyNeumann, numCayleyNeumannTerms } = this.config
    const transform = useCayleyNeumann ? `${numCayleyNeumannTerms} terms` : 'exact'
    return `${this.factors['oft_R.weight'].rows} blocks of ${this.size}, ${transform}${coft ? `, within ${eps}` : ''}`
  }

  /** x R: each row of x [..., in] in blocks. */
  #rotated(x: Tensor, rotations: Tensor): Tensor {
    const { size } = this
    if (rotations.shape[0] === 1) {
      const shared = transpose(reshape(rotations, [size, size]), 0, 1)
      return reshape(linear(reshape(x, [-1, size]), shared), x.shape)
    }
    const blocks = transpose(reshape(x, [x.rows, -1, size]), 0, 1)
    return reshape(transpose(bmm(blocks, rotations), 0, 1), x.shape)
  }

  /** The blocks of R (tuners/oft/layer.py, _cayley_batch): f32 [blocks, size, size]. */
  #rotations(): Tensor {
    const { factors, size, config } = this
    const weight = factors['oft_R.weight']
    const { rows, columns: dim } = weight
    if (config.coft) {
      // A skew-symmetric matrix has every number twice.
      weight.device.run('shrinkRows', { x: weight }, { rows, dim, most: config.eps / Math.sqrt(2 * rows) })
    }
    if (config.useCayleyNeumann) return cayleyNeumann(weight, size, config.numCayleyNeumannTerms)
    const denominator = inverse(skewSymmetric(weight, size, { diagonal: 1 }))
    return bmm(skewSymmetric(weight, size, { scale: -1, diagonal: 1 }), denominator)
  }
}

/**
 * I + 2 Q + 2 Q² + … + Qᵏ, where the last power is taken once: k is terms - 1, but 3 for three terms, as in PEFT.
 */
function cayleyNeumann(weight: Tensor, size: number, terms: number): Tensor {
  const most = terms > 2 ? Math.max(3, terms - 1) : terms - 1
  const first = skewSymmetric(weight, size, { scale: most > 0 ? 2 : 0, diagonal: 1 })
  if (most < 2) return first
  const q = skewSymmetric(weight, size)
  let power = bmm(q, q)
  let twice = power
  for (let k = 3; k < most; k++) {
    power = bmm(power, q)
    twice = add(twice, power)
  }
  return add(first, add(mul(twice, 2), bmm(power, q)))
}
