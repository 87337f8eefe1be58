import type { Random } from '../../core/random.ts'
import type { Module } from '../../nn/module.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { type AdapterMethod, linearPlace, type Place } from '../adapter-method.ts'
import { check } from '../../core/errors.ts'
import { bareWeights } from '../layers/adapted-layer.ts'
import { type LoraConfig, loraFields } from './lora-config.ts'
import { type LoraFactors, LoraLinear } from './lora-linear.ts'
import { NamePatterns } from '../targets/module-names.ts'
import { findTargets, patternReader, spellOutTargets } from '../targets/target-matching.ts'

/** LoRA (arXiv 2106.09685; peft/tuners/lora). */
export const lora: AdapterMethod<LoraConfig> = {
  peftType: 'LORA',
  name: 'LoRA',
  card: { about: 'A low-rank adapter (LoRA)', tags: ['lora'] },
  fields: loraFields,
  describe: ({ r, loraAlpha, loraDropout, bias, useRslora, targetModules }) =>
    [
      ...[`r=${r}`, `alpha=${loraAlpha}`, `dropout=${loraDropout}`],
      ...(bias === 'none' ? [] : [`bias ${bias}`]),
      ...(useRslora ? ['rsLoRA'] : []),
      `on ${[targetModules].flat().join(', ')}`,
    ].join(' '),
  places: (model, config, { who, isPartialOk }) => {
    const { r, loraAlpha, rankPattern, alphaPattern, useRslora, loraDropout, initLoraWeights } = config
    const patterns = new NamePatterns(who)
    const targets = findTargets(model, config, { patterns, isPartialOk, byPattern: { rankPattern, alphaPattern } })
    const rankOf = patternReader(rankPattern, r, 'rankPattern', patterns)
    const alphaOf = patternReader(alphaPattern, loraAlpha, 'alphaPattern', patterns)
    return targets.map(({ path, layer }) => {
      const rank = rankOf(path)
      const scaling = alphaOf(path) / (useRslora ? Math.sqrt(rank) : rank)
      return linearPlace({
        ...{ path, layer },
        shapes: { 'lora_A.weight': [rank, layer.inFeatures], 'lora_B.weight': [layer.outFeatures, rank] },
        start: (factors, random) => start(factors, initLoraWeights, random),
        adapter: (factors) => new LoraLinear(factors, scaling, loraDropout),
      })
    })
  },
  spelt: (config, model, places) =>
    spellOutTargets(
      model,
      config,
      places.map(({ path }) => path),
    ),
  trained: (model, { bias }, places) => biasesOf(model, bias, places),
  checkTrainable: ({ initLoraWeights }, who) => {
    check(initLoraWeights !== 'mica', 'unsupported', () => {
      return `${who}: the adapter was begun with MiCA, which trains A alone; that is not supported, so leave trainable out`
    })
  },
}

/** The model's biases that a setting of `bias` trains, by path, before the layers are put in. */
function biasesOf(
  model: Module,
  which: LoraConfig['bias'],
  places: readonly Place[],
): readonly (readonly [path: string, bias: Tensor])[] {
  const adapted = new Set(places.map(({ path }) => `${path}.bias`))
  return [...bareWeights(model)].flatMap(([path, weight]) => {
    const isWanted = which === 'all' ? /(^|\.)bias$/.test(path) : which === 'lora_only' && adapted.has(path)
    return isWanted && weight instanceof Tensor ? [[path, weight] as const] : []
  })
}

/** Fills factors of zeros as PEFT starts A and B (tuners/lora/layer.py, reset_lora_parameters). */
function start(
  { 'lora_A.weight': a, 'lora_B.weight': b }: LoraFactors,
  init: LoraConfig['initLoraWeights'],
  random: Random,
): void {
  const draw = (factor: Tensor, next: () => number) => factor.write(Float32Array.from({ length: factor.count }, next))
  const uniform = (fanIn: number) => () => (2 * random.uniform() - 1) / Math.sqrt(fanIn)
  draw(a, init === 'gaussian' ? () => random.normal() / a.rows : uniform(a.columns))
  if (init === false) draw(b, uniform(b.columns))
}
