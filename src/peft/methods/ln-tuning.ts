import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import type { Module } from '../../nn/module.ts'
import type { Adaptable } from '../adaptable.ts'
import type { AdapterMethod } from '../adapter-method.ts'
import {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  configFields,
  isType,
  targetRules,
} from '../config/config-fields.ts'
import { lackingAnywhere } from '../config/features.ts'
import { canCopy, copyPlace } from '../layers/full-copy.ts'
import { NamePatterns } from '../targets/module-names.ts'
import { untiedHeads } from '../targets/saved-modules.ts'
import { findLayers, type LayerKinds, spellOutTargets, type TargetNames } from '../targets/target-matching.ts'

/** What is trained whole, in PEFT's words (peft/tuners/ln_tuning/config.py). */
export interface LnTuningConfig extends AdapterConfig, Pick<TargetNames, 'excludeModules'> {
  readonly peftType: 'LN_TUNING'
  /**
   * Which layers to train: names that a path equals or ends with, or one regular expression of Python's. Layers of any
   * kind: norms, linear layers in any storage format, embeddings, heads; so this is full fine-tuning of chosen layers
   * in a file that PEFT reads. Default: PEFT's choice of norms for the model's architecture, ['input_layernorm',
   * 'post_attention_layernorm', 'ln_f'] of a Falcon.
   */
  readonly targetModules: readonly string[] | string
}

/** Norms by architecture (peft/utils/constants.py, …_LNTUNING_TARGET_MODULES_MAPPING). */
const byArchitecture: Readonly<Record<string, readonly string[]>> = {
  falcon: ['input_layernorm', 'post_attention_layernorm', 'ln_f'],
  gemma: ['input_layernorm', 'post_attention_layernorm', 'norm'],
  gemma2: [
    'input_layernorm',
    'post_attention_layernorm',
    'pre_feedforward_layernorm',
    'post_feedforward_layernorm',
    'norm',
  ],
  gemma3_text: [
    'input_layernorm',
    'post_attention_layernorm',
    'pre_feedforward_layernorm',
    'post_feedforward_layernorm',
    'norm',
  ],
  gpt2: ['ln_1', 'ln_2', 'ln_f'],
  gptj: ['ln_1', 'ln_f'],
  llama: ['input_layernorm', 'post_attention_layernorm', 'norm'],
  mistral: ['input_layernorm', 'post_attention_layernorm', 'norm'],
  phi: ['input_layernorm', 'final_layernorm'],
  qwen2: ['post_attention_layernorm'],
  qwen3: ['post_attention_layernorm'],
}

/** PEFT's mapping has names that a variant of the architecture lacks: Falcon-7B has one norm a block. */
function usualOf(model: Adaptable): readonly string[] {
  const names = byArchitecture[model.config?.modelType ?? ''] ?? []
  const paths = [...model.namedModules()].map(([path]) => path)
  return names.filter((name) => paths.some((path) => path === name || path.endsWith(`.${name}`)))
}

const fields = configFields<LnTuningConfig>({
  defaults: { peftType: 'LN_TUNING', targetModules: [], excludeModules: null, ...commonDefaults },
  rules: { ...targetRules, ...commonRules, peftType: isType('LN_TUNING') },
  lacking: lackingAnywhere,
  forModel: (model) => ({ targetModules: usualOf(model) }),
})

const anyLayer: LayerKinds<Module> = {
  words: 'norms, linear layers, embeddings and heads, which can be trained whole',
  of: (module) => (canCopy(module) ? module : null),
}

/**
 * LN tuning: the norms of the model are trained and nothing else (arXiv 2312.11420; peft/tuners/ln_tuning). Each target
 * is a copy in f32, which computes in the layer's place; a merged model has the copies. Of any other kind of layer it
 * is full fine-tuning.
 */
export const lnTuning: AdapterMethod<LnTuningConfig> = {
  peftType: 'LN_TUNING',
  name: 'LN tuning',
  card: { about: 'Layers trained whole (LN tuning)', tags: [] },
  fields,
  describe: ({ targetModules }) => `on ${[targetModules].flat().join(', ')}`,
  places: (model, config, options) => {
    const { who, isPartialOk } = options
    check(config.targetModules.length > 0, 'config', () => {
      return `${who}: targetModules must be given, for PEFT has no choice for ${show(model.config?.modelType)}`
    })
    const patterns = new NamePatterns(who)
    const targets = findLayers(model, config, anyLayer, { patterns, isPartialOk })
    const paths = targets.map(({ path }) => path)
    return [
      ...targets.map(({ path, layer }) => copyPlace(path, layer, keys, { tiesHead: null })),
      ...untiedHeads(model, paths),
    ]
  },
  spelt: (config, model, places) =>
    spellOutTargets(
      config,
      model,
      places.filter(({ shapes }) => Object.keys(shapes).length > 0),
    ),
}

const keys = {
  name: (own: string) => `ln_tuning_layers.${own}`,
  parameterName: (own: string, adapter: string) => `ln_tuning_layers.${adapter}.${own}`,
}
