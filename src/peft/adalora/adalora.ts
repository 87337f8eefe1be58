import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import { type AdapterMethod, linearPlace } from '../adapter-method.ts'
import { draw } from '../draws.ts'
import type { LayerAdapter } from '../layers/adapted-layer.ts'
import { modelBiases } from '../targets/model-biases.ts'
import { NamePatterns } from '../targets/module-names.ts'
import { findTargets, spellOutTargets } from '../targets/target-matching.ts'
import { type AdaLoraConfig, adaLoraFields } from './adalora-config.ts'
import { AdaLoraTraining } from './adalora-training.ts'
import { SvdLinear } from './svd-linear.ts'

/** AdaLoRA (arXiv 2303.10512; peft/tuners/adalora). */
export const adaLora: AdapterMethod<AdaLoraConfig> = {
  peftType: 'ADALORA',
  name: 'AdaLoRA',
  card: { about: 'A low-rank adapter whose ranks were chosen in training (AdaLoRA)', tags: [] },
  fields: adaLoraFields,
  describe: ({ initR, targetR, loraAlpha, loraDropout, targetModules }) =>
    `r=${initR} to ${targetR} alpha=${loraAlpha} dropout=${loraDropout} on ${[targetModules].flat().join(', ')}`,
  places: (model, config, { who, isPartialOk, savedKeys }) => {
    const { initR, targetR, loraAlpha, loraDropout, initLoraWeights, targetModules } = config
    check(targetModules.length > 0, 'config', () => {
      return `${who}: targetModules must be given, for PEFT has no choice for ${show(model.config?.modelType)}`
    })
    check(savedKeys !== undefined || config.rankPattern !== null || targetR < initR, 'config', () => {
      return `${who}: targetR ${targetR} must be below initR ${initR}, for ranks are lowered only; or take LoRA`
    })
    const targets = findTargets(model, config, { patterns: new NamePatterns(who), isPartialOk })
    const ranks = ranksOf(config.rankPattern)
    const paths = new Set(targets.map(({ path }) => path))
    const lost = [...ranks.keys()].find((path) => !paths.has(path))
    check(lost === undefined, 'config', () => `${who}: rankPattern names ${show(lost)}, which is not adapted`)
    return targets.map(({ path, layer }) => {
      const r = ranks.get(path) ?? initR
      return linearPlace({
        ...{ path, layer },
        shapes: { lora_A: [r, layer.inFeatures], lora_B: [layer.outFeatures, r], lora_E: [r, 1] },
        start: ({ lora_A, lora_B, lora_E }, random) => {
          const isUsual = initLoraWeights !== false
          for (const factor of [lora_A, lora_B]) draw(factor, () => (isUsual ? 0.02 : 1) * random.normal())
          if (!isUsual) draw(lora_E, () => random.normal())
        },
        adapter: (factors) => {
          const alpha = loraAlpha > 0 ? loraAlpha : r
          return new SvdLinear(factors, { alpha, rankNumber: initR, dropout: loraDropout })
        },
      })
    })
  },
  spelt: spellOutTargets,
  trained: (model, { bias }, places) => modelBiases(model, bias === 'lora_only' ? 'adapted' : bias, places),
  training: (config, layers, plan) =>
    new AdaLoraTraining(
      svdLayers(layers).map(([, layer]) => layer),
      config,
      plan,
    ),
  savedConfig: (config, layers) => {
    const all = svdLayers(layers)
    const totalStep = config.totalStep ?? all[0]?.[1].totalStep ?? null
    check(totalStep !== null, 'config', () => {
      return 'AdaLoRA: no run has trained the adapter, and PEFT loads none without totalStep; give it to attachAdapter'
    })
    const chosen = all.flatMap(([path, { kept }]) => (kept === null ? [] : [[`${path}.lora_E`, kept] as const]))
    return { ...config, totalStep, rankPattern: chosen.length === 0 ? config.rankPattern : Object.fromEntries(chosen) }
  },
}

/** The ranks that a pattern leaves, by path: PEFT writes that of E's parameter, once with the adapter's name behind. */
function ranksOf(pattern: AdaLoraConfig['rankPattern']): ReadonlyMap<string, number> {
  return new Map(
    Object.entries(pattern ?? {}).map(([key, kept]) => [
      key.replace(/\.lora_E(\.[^.]+)?$/, ''),
      kept.filter((isKept) => isKept).length,
    ]),
  )
}

function svdLayers(layers: ReadonlyMap<string, LayerAdapter>): readonly (readonly [path: string, layer: SvdLinear])[] {
  return [...layers].flatMap(([path, layer]) => (layer instanceof SvdLinear ? [[path, layer] as const] : []))
}
