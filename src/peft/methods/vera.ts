import { record } from '../../autograd/record.ts'
import { flag, number, oneOf, that, whole } from '../../core/options.ts'
import { TorchRandom } from '../../core/torch-random.ts'
import { Dropout } from '../../nn/dropout.ts'
import { Linear } from '../../nn/linear.ts'
import type { Module } from '../../nn/module.ts'
import { add } from '../../ops/add.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { slice } from '../../ops/array/slice.ts'
import { linear } from '../../ops/linear.ts'
import { matmul, type MatmulOptions } from '../../ops/matmul.ts'
import { mul } from '../../ops/mul.ts'
import { rowsOf, type Tensor } from '../../tensor/tensor.ts'
import { type AdapterMethod, linearPlace, type SharedTensors } from '../adapter-method.ts'
import {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  configFields,
  isType,
  targetRules,
} from '../config/config-fields.ts'
import { lackingAnywhere } from '../config/features.ts'
import { checkLayers, layerRules, rankRule } from '../config/layer-fields.ts'
import { draw } from '../draws.ts'
import { bareModules } from '../layers/adapted-layer.ts'
import { LinearAdapter, type Project } from '../layers/adapted-linear.ts'
import { modelBiases } from '../targets/model-biases.ts'
import { NamePatterns } from '../targets/module-names.ts'
import { findTargets, spellOutTargets, type TargetNames } from '../targets/target-matching.ts'

/** How VeRA adapts a model, in PEFT's words (peft/tuners/vera/config.py). */
export interface VeraConfig extends AdapterConfig, Omit<TargetNames, 'excludeModules'> {
  readonly peftType: 'VERA'
  /** Rank of the projections; higher than LoRA's, for each costs one number a layer. Default 256. */
  readonly r: number
  /** Seed of the projections, a whole number; PEFT draws the same numbers of it. Default 0. */
  readonly projectionPrngKey: number
  /** Whether the file holds the projections; without them it is smaller, and they are drawn anew. Default true. */
  readonly saveProjection: boolean
  /** Probability of dropping an input of the update while training, in [0, 1). Default 0. */
  readonly veraDropout: number
  /** What the scales between the projections start at. Default 0.1. */
  readonly dInitial: number
  /** Which biases to train: none, those of adapted projections, or all of the model. Default 'none'. */
  readonly bias: 'none' | 'all' | 'vera_only'
  /** Whether the update starts at 0; false draws d from N(0, 1) and has b at 1. Default true. */
  readonly initWeights: boolean
  /** Whether weights are stored [in, out]; only false. */
  readonly fanInFanOut: false
}

const keyOfA = 'base_model.vera_A'
const keyOfB = 'base_model.vera_B'

/** VeRA: Vector-based Random Matrix Adaptation (arXiv 2310.11454; peft/tuners/vera). */
export const vera: AdapterMethod<VeraConfig> = {
  peftType: 'VERA',
  name: 'VeRA',
  card: { about: 'Scales of random projections (VeRA)', tags: [] },
  fields: configFields<VeraConfig>({
    defaults: {
      peftType: 'VERA',
      r: 256,
      targetModules: ['query_key_value'],
      projectionPrngKey: 0,
      saveProjection: true,
      veraDropout: 0,
      dInitial: 0.1,
      fanInFanOut: false,
      bias: 'none',
      initWeights: true,
      layersToTransform: null,
      layersPattern: null,
      ...commonDefaults,
    },
    rules: {
      r: rankRule,
      targetModules: targetRules.targetModules,
      projectionPrngKey: whole(),
      saveProjection: flag,
      veraDropout: number({ from: 0, below: 1 }),
      dInitial: number(),
      fanInFanOut: that('false', (value) => value === false),
      bias: oneOf(['none', 'all', 'vera_only']),
      initWeights: flag,
      ...layerRules,
      ...commonRules,
      peftType: isType('VERA'),
    },
    lacking: lackingAnywhere,
    aliases: { rank: 'r', dropout: 'veraDropout', targets: 'targetModules', modules: 'targetModules' },
    maybeNull: ['targetModules', 'fanInFanOut'],
    floats: ['vera_dropout', 'd_initial'],
    forModel: ({ loraTargets }) => (loraTargets === undefined ? {} : { targetModules: loraTargets }),
    check: (config, who, nameOf) => checkLayers(namesOf(config), who, nameOf),
  }),
  describe: ({ r, projectionPrngKey, saveProjection, veraDropout, targetModules }) =>
    `r=${r} key=${projectionPrngKey}${saveProjection ? '' : ' (not saved)'} dropout=${veraDropout} on ${[targetModules].flat().join(', ')}`,
  places: (model, config, { who, isPartialOk }) =>
    findTargets(model, namesOf(config), { patterns: new NamePatterns(who), isPartialOk }).map(({ path, layer }) =>
      linearPlace({
        ...{ path, layer },
        shapes: { vera_lambda_b: [layer.outFeatures], vera_lambda_d: [config.r] },
        shared: [keyOfA, keyOfB],
        start: ({ vera_lambda_b, vera_lambda_d }, random) => {
          draw(vera_lambda_d, () => (config.initWeights ? config.dInitial : random.normal()))
          if (!config.initWeights) draw(vera_lambda_b, () => 1)
        },
        adapter: ({ [keyOfA]: a, [keyOfB]: b, ...scales }) => new VeraLinear(scales, { a, b }, layer, config),
      }),
    ),
  shared: projections,
  spelt: (config, model, places) => {
    return { ...config, targetModules: spellOutTargets(namesOf(config), model, places).targetModules }
  },
  trained: (model, { bias }, places) => modelBiases(model, bias === 'vera_only' ? 'adapted' : bias, places),
}

/** VeRA has no field for what not to adapt. */
function namesOf(config: VeraConfig): TargetNames {
  return { ...config, excludeModules: null }
}

/**
 * A f32 [r, widest in] and B f32 [widest out, r], which a layer takes the beginnings of: torch's
 * kaiming_uniform by the key, A first (peft/tuners/vera/model.py, _init_vera_A_vera_B).
 */
function projections(
  model: Module,
  { r, projectionPrngKey, saveProjection }: VeraConfig,
  places: readonly { readonly path: string }[],
): SharedTensors {
  const modules = new Map(bareModules(model))
  const layers = places.map(({ path }) => modules.get(path)).filter((layer) => layer instanceof Linear)
  const widest = (side: 'inFeatures' | 'outFeatures') => Math.max(...layers.map((layer) => layer[side]))
  return {
    shapes: { [keyOfA]: [r, widest('inFeatures')], [keyOfB]: [widest('outFeatures'), r] },
    isSaved: saveProjection,
    start: (tensors, seed) => {
      if (seed === null && saveProjection) return
      const random = new TorchRandom(projectionPrngKey)
      for (const key of [keyOfA, keyOfB]) {
        const matrix = tensors[key]
        matrix?.write(random.uniform(matrix.count, Math.sqrt(3) * (Math.SQRT2 / Math.sqrt(matrix.columns))))
      }
    },
  }
}

/** b f32 [out] and d f32 [r]. */
type Scales = Readonly<Record<'vera_lambda_b' | 'vera_lambda_d', Tensor>>

/** An update of random projections that are scaled: y = W x + b + λ_b ∘ B (λ_d ∘ A dropout(x)). */
class VeraLinear extends LinearAdapter<Scales> {
  readonly #dropout: Dropout

  constructor(
    scales: Scales,
    readonly projections: { readonly a: Tensor; readonly b: Tensor },
    readonly sizes: Pick<Linear, 'inFeatures' | 'outFeatures'>,
    readonly config: VeraConfig,
  ) {
    const vera_dropout = new Dropout(config.veraDropout)
    super(scales, { vera_dropout })
    this.#dropout = vera_dropout
  }

  forward(x: Tensor, project: Project): Tensor {
    const { vera_lambda_b, vera_lambda_d } = this.factors
    const low = mul(beginningOf(this.projections.a, this.#dropout.forward(x)), vera_lambda_d)
    return add(project(x), mul(linear(low, this.#b()), vera_lambda_b))
  }

  mergeWeight(weight: Tensor): Tensor {
    return this.#update({ out: weight, accumulate: true })
  }

  override deltaWeight(): Tensor {
    return this.#update({})
  }

  describe(): string {
    const { r, projectionPrngKey, veraDropout } = this.config
    return `r ${r}, projections of key ${projectionPrngKey}, dropout ${veraDropout}`
  }

  #update(options: MatmulOptions): Tensor {
    const { vera_lambda_b, vera_lambda_d } = this.factors
    const up = mul(this.#b(), reshape(vera_lambda_b, [vera_lambda_b.count, 1]))
    const down = mul(slice(this.projections.a, 1, 0, this.sizes.inFeatures), reshape(vera_lambda_d, [this.config.r, 1]))
    return matmul(up, down, options)
  }

  #b(): Tensor {
    return rowsOf(this.projections.b, 0, this.sizes.outFeatures)
  }
}

/**
 * x Aᵀ by as many of A's columns as x has. Where that is not all, they are copied for each product: a copy that stays
 * until the gradient comes would be one a layer.
 */
function beginningOf(a: Tensor, x: Tensor): Tensor {
  if (x.columns === a.columns) return linear(x, a)
  const product = (of: Tensor, options: MatmulOptions): Tensor => {
    const part = slice(a, 1, 0, x.columns)
    const out = matmul(of, part, options)
    part.dispose()
    return out
  }
  return record(product(x, { transB: true }), [x], (dOut) => [product(dOut, {})], { reads: [a] })
}
