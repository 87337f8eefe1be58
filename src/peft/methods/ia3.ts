import { check } from '../../core/errors.ts'
import { either, flag, listOf, orNull, text, that } from '../../core/options.ts'
import { show, showNames } from '../../core/show.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { mul } from '../../ops/mul.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { LinearAdapter, type Project } from '../layers/adapted-linear.ts'
import type { Adaptable } from '../adaptable.ts'
import { type AdapterMethod, linearPlace } from '../adapter-method.ts'
import {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  configFields,
  isType,
  named,
  targetRules,
} from '../config/config-fields.ts'
import { lackingAnywhere, lackingTransposed } from '../config/features.ts'
import { endingsOf, NamePatterns } from '../targets/module-names.ts'
import { findTargets, spellOutTargets, type TargetNames } from '../targets/target-matching.ts'

/** How (IA)³ adapts a model, in PEFT's words (peft/tuners/ia3/config.py). */
export interface Ia3Config extends AdapterConfig, Pick<TargetNames, 'targetModules' | 'excludeModules'> {
  readonly peftType: 'IA3'
  /**
   * Which of the projections have their input scaled, not their output: endings of a path, or one regular expression of
   * Python's. Default null: PEFT's choice for the model's architecture, ['dense_4h_to_h'] of a Falcon.
   */
  readonly feedforwardModules: readonly string[] | string | null
  /** Whether all scales start at 1, where they change nothing; false draws them from N(0, 1). Default true. */
  readonly initIa3Weights: boolean
  /** Whether weights are stored [in, out]; only false. */
  readonly fanInFanOut: false
}

/** Projections by architecture, the last of them feedforward (peft/utils/constants.py, …_IA3_…_MODULES_MAPPING). */
const byArchitecture: Readonly<Record<string, readonly string[]>> = {
  falcon: ['query_key_value', 'dense_4h_to_h'],
  gemma: ['q_proj', 'v_proj', 'down_proj'],
  gemma2: ['q_proj', 'v_proj', 'down_proj'],
  gemma3_text: ['q_proj', 'v_proj', 'down_proj'],
  llama: ['k_proj', 'v_proj', 'down_proj'],
  mistral: ['k_proj', 'v_proj', 'down_proj'],
  qwen2: ['q_proj', 'v_proj', 'down_proj'],
  qwen3: ['q_proj', 'v_proj', 'down_proj'],
}

const fields = configFields<Ia3Config>({
  defaults: {
    peftType: 'IA3',
    targetModules: [],
    excludeModules: null,
    feedforwardModules: null,
    initIa3Weights: true,
    fanInFanOut: false,
    ...commonDefaults,
  },
  rules: {
    ...targetRules,
    feedforwardModules: named('names, a regular expression or null', orNull(either(text, listOf(text)))),
    initIa3Weights: flag,
    fanInFanOut: that('false', (value) => value === false),
    ...commonRules,
    peftType: isType('IA3'),
  },
  lacking: { ...lackingAnywhere, ...lackingTransposed },
  maybeNull: ['targetModules', 'fanInFanOut'],
  forModel: (model) => ({ targetModules: usualOf(model) }),
  check: (config, who, nameOf) => {
    const { targetModules, feedforwardModules } = config
    if (typeof targetModules === 'string' || typeof feedforwardModules === 'string') return
    const others = (feedforwardModules ?? []).filter((name) => !targetModules.includes(name))
    check(others.length === 0, 'config', () => {
      return `${who}: ${nameOf('feedforwardModules')} has ${showNames(others)}, which ${nameOf('targetModules')} ${show(targetModules)} has not`
    })
  },
})

/** (IA)³: Infused Adapter by Inhibiting and Amplifying Inner Activations (arXiv 2205.05638; peft/tuners/ia3). */
export const ia3: AdapterMethod<Ia3Config> = {
  peftType: 'IA3',
  name: 'IA3',
  card: { about: 'An (IA)³ adapter, which scales inner activations,', tags: [] },
  fields,
  describe: ({ targetModules, feedforwardModules }) =>
    `on ${[targetModules].flat().join(', ')}; feedforward ${[feedforwardModules ?? 'as usual'].flat().join(', ') || 'none'}`,
  places: (model, config, { who, isPartialOk }) => {
    check(config.targetModules.length > 0, 'config', () => {
      return `${who}: targetModules must be given, for PEFT has no choice for ${show(model.config?.modelType)}`
    })
    const patterns = new NamePatterns(who)
    const isFeedforward = feedforwardMatcher(config, model, patterns)
    return findTargets(model, config, { patterns, isPartialOk }).map(({ path, layer }) => {
      const scalesInput = isFeedforward(path)
      return linearPlace({
        ...{ path, layer },
        shapes: { ia3_l: scalesInput ? [1, layer.inFeatures] : [layer.outFeatures, 1] },
        start: ({ ia3_l }, random) =>
          ia3_l.write(Float32Array.from({ length: ia3_l.count }, () => (config.initIa3Weights ? 1 : random.normal()))),
        adapter: (factors) => new Ia3Linear(factors, scalesInput),
      })
    })
  },
  spelt: (config, model, places) => {
    const spelt = spellOutTargets(config, model, places)
    if (config.feedforwardModules !== null) return spelt
    // PEFT takes a list of targets only with a list of some of them.
    const scaled = places.map(({ path }) => path).filter(feedforwardMatcher(config, model, new NamePatterns('')))
    const targets = [spelt.targetModules].flat()
    const ofTargets = targets.filter((name) => scaled.some((path) => endingsOf(path).includes(name)))
    return {
      ...spelt,
      feedforwardModules: typeof spelt.targetModules === 'string' ? usualOf(model).slice(-1) : ofTargets,
    }
  },
  summedConfig: (who, configs) => {
    const [first] = configs
    if (first === undefined) throw new Error('no config')
    const targetModules = unionOf(
      who,
      'targetModules',
      configs.map((config) => config.targetModules),
    )
    const feedforwardModules = unionOf(
      who,
      'feedforwardModules',
      configs.map((config) => config.feedforwardModules ?? []),
    )
    return { ...first, targetModules, feedforwardModules }
  },
}

/** All names, or a regular expression for what any matches (peft/tuners/ia3/model.py, _check_add_weighted_adapter). */
function unionOf(who: string, field: string, all: readonly (string | readonly string[])[]): string | readonly string[] {
  const texts = all.filter((each) => typeof each === 'string')
  check(texts.length === 0 || texts.length === all.length, 'config', () => {
    return `${who}: ${field} is a regular expression in some of the adapters and a list in others; they must be alike`
  })
  if (texts.length > 0)
    return [...new Set(texts)].length === 1 ? (texts[0] ?? '') : texts.map((each) => `(${each})`).join('|')
  return [...new Set(all.flat())]
}

/** What PEFT adapts of a model of this architecture; nothing where it does not know it. */
function usualOf({ config }: Adaptable): readonly string[] {
  return byArchitecture[config?.modelType ?? ''] ?? []
}

/**
 * Says whether the projection of a path has its input scaled (peft/tuners/ia3/model.py,
 * _check_target_module_feedforward).
 */
function feedforwardMatcher(
  { feedforwardModules }: Ia3Config,
  model: Adaptable,
  patterns: NamePatterns,
): (path: string) => boolean {
  const names = feedforwardModules ?? usualOf(model).slice(-1)
  if (typeof names === 'string') return patterns.names(names, 'feedforwardModules')
  return (path) => names.some((name) => path.endsWith(name))
}

/** Scales of a projection's input or of its output, bias included: y = W (l ∘ x) + b, or l ∘ (W x + b). */
class Ia3Linear extends LinearAdapter<Readonly<Record<'ia3_l', Tensor>>> {
  /** @param factors l: f32 [1, in] or [out, 1]. */
  constructor(
    factors: Readonly<Record<'ia3_l', Tensor>>,
    readonly scalesInput: boolean,
  ) {
    super(factors)
  }

  forward(x: Tensor, project: Project): Tensor {
    return this.scalesInput ? project(mul(x, this.#scales())) : mul(project(x), this.#scales())
  }

  mergeWeight(weight: Tensor): Tensor {
    return mul(weight, this.factors.ia3_l)
  }

  override mergeBias(bias: Tensor): Tensor {
    return this.scalesInput ? bias : mul(bias, this.#scales())
  }

  #scales(): Tensor {
    return reshape(this.factors.ia3_l, [this.factors.ia3_l.count])
  }

  describe(): string {
    return this.scalesInput ? 'scales of the input' : 'scales of the output'
  }
}
