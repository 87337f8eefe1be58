import { check } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { Embedding } from '../../nn/embedding.ts'
import type { Linear } from '../../nn/linear.ts'
import { show } from '../../core/show.ts'
import { type AdapterMethod, linearPlace, type Place } from '../adapter-method.ts'
import { draw, drawUniform } from '../draws.ts'
import { modelBiases } from '../targets/model-biases.ts'
import { nameInKey } from '../layers/adapted-layer.ts'
import { DoraLinear } from './dora-linear.ts'
import { NamePatterns } from '../targets/module-names.ts'
import { findLayers, type LayerKinds, linearOf, patternReader, spellOutTargets } from '../targets/target-matching.ts'
import { cordaDefaults } from './corda-config.ts'
import { isFromData } from './lora-features.ts'
import { loftqDefaults } from './loftq-config.ts'
import { type LoraConfig, loraFields } from './lora-config.ts'
import { doraEmbeddingPlace, loraEmbeddingPlace } from './embedding-places.ts'
import { type LoraFactors, LoraLinear } from './lora-linear.ts'
import { baseStartOf, restStartOf } from './starts/base-starts.ts'
import { DoraOverRest } from './starts/dora-over-rest.ts'
import { LoraOverRest } from './starts/lora-over-rest.ts'
import { loraFile } from './starts/lora-file.ts'
import { drawOrthogonal } from './starts/orthogonal.ts'
import { startFromBase } from './starts/start-from-base.ts'

/** LoRA (arXiv 2106.09685; peft/tuners/lora). */
export const lora: AdapterMethod<LoraConfig> = {
  peftType: 'LORA',
  name: 'LoRA',
  card: { about: 'A low-rank adapter (LoRA)', tags: ['lora'] },
  fields: loraFields,
  describe: ({ r, loraAlpha, loraDropout, bias, useRslora, useDora, loraBias, targetModules }) =>
    [
      ...[`r=${r}`, `alpha=${loraAlpha}`, `dropout=${loraDropout}`],
      ...(bias === 'none' ? [] : [`bias ${bias}`]),
      ...(useRslora ? ['rsLoRA'] : []),
      ...(useDora ? ['DoRA'] : []),
      ...(loraBias ? ['with a bias of B'] : []),
      `on ${[targetModules].flat().join(', ')}`,
    ].join(' '),
  places: (model, config, { who, isPartialOk, tied = null }) => {
    const { r, loraAlpha, rankPattern, alphaPattern, useRslora, loraDropout, initLoraWeights } = config
    const patterns = new NamePatterns(who)
    const targets = findLayers(model, config, kinds, {
      patterns,
      isPartialOk,
      byPattern: { rankPattern, alphaPattern },
    })
    const rankOf = patternReader(rankPattern, r, 'rankPattern', patterns)
    const alphaOf = patternReader(alphaPattern, loraAlpha, 'alphaPattern', patterns)
    const follows = tied !== null && targets.some(({ path }) => path === tied.embeddings)
    return targets.flatMap(({ path, layer }): Place | readonly Place[] => {
      // A head that follows the embeddings has nothing of its own.
      if (follows && path === tied.head) return []
      const rank = rankOf(path)
      const scaling = alphaOf(path) / (useRslora ? Math.sqrt(rank) : rank)
      if (layer instanceof Embedding) {
        const tiesHead = follows && path === tied.embeddings ? tied.head : null
        checkEmbedding(who, path, config, tiesHead !== null)
        if (tiesHead !== null) {
          check(rankOf(tiesHead) === rank && alphaOf(tiesHead) === alphaOf(path), 'config', () => {
            return `${who}: rankPattern or alphaPattern sets "${tiesHead}" apart from "${path}", which ensureWeightTying makes one; give both the same`
          })
          check(initLoraWeights !== 'orthogonal' && restStartOf(initLoraWeights) === null, 'unsupported', () => {
            return `${who}: initLoraWeights ${show(initLoraWeights)} does not start a table that ensureWeightTying ties; leave one of them out`
          })
        }
        const told = { rank, scaling, dropout: loraDropout, init: initLoraWeights, tiesHead }
        return config.useDora
          ? doraEmbeddingPlace({ path, layer, ...told })
          : loraEmbeddingPlace({ path, layer, ...told })
      }
      const { inFeatures, outFeatures } = layer
      const shapes = { 'lora_A.weight': [rank, inFeatures], 'lora_B.weight': [outFeatures, rank] } as const
      if (config.useDora) {
        const Part = restStartOf(initLoraWeights) === null ? DoraLinear : DoraOverRest
        return linearPlace({
          ...{ path, layer },
          shapes: { ...shapes, lora_magnitude_vector: [outFeatures] },
          // Of a module of its own, whose one weight goes without its name in files.
          parameterName: (name, adapter) => nameInKey(name, adapter) + (name in shapes ? '' : '.weight'),
          start: (factors, random) => {
            start(factors, initLoraWeights, random)
            const part = new DoraLinear(factors, scaling, 0)
            part.startMagnitude(layer)
            part.free()
          },
          adapter: (factors) => new Part(factors, scaling, loraDropout),
        })
      }
      const place = {
        ...{ path, layer },
        start: (factors: LoraFactors, random: Random) => start(factors, initLoraWeights, random),
        adapter: (factors: LoraFactors) => {
          const Part = restStartOf(initLoraWeights) === null ? LoraLinear : LoraOverRest
          return new Part(factors, scaling, loraDropout)
        },
      }
      if (!config.loraBias) return linearPlace<keyof typeof shapes>({ ...place, shapes })
      return linearPlace({ ...place, shapes: { ...shapes, 'lora_B.bias': [outFeatures] } })
    })
  },
  spelt: (config, model, places) => {
    const isLoftq = config.initLoraWeights === 'loftq'
    // PEFT needs all fields of them.
    const loftqConfig = isLoftq ? { ...loftqDefaults, ...config.loftqConfig } : config.loftqConfig
    const isCorda = config.initLoraWeights === 'corda'
    const cordaConfig = isCorda ? { ...cordaDefaults, ...config.cordaConfig } : config.cordaConfig
    return { ...spellOutTargets(config, model, places), cordaConfig, loftqConfig }
  },
  trained: (model, { bias }, places) => modelBiases(model, bias === 'lora_only' ? 'adapted' : bias, places),
  begunBy: ({ initLoraWeights }) => {
    if (!isFromData(initLoraWeights)) return null
    return `initLoraWeights ${show(initLoraWeights)} follows from data; await startLora(model, config, { batches }) instead`
  },
  fromBase: {
    isWanted: ({ initLoraWeights }) => baseStartOf(initLoraWeights) !== null,
    start: startFromBase,
  },
  toFile: loraFile,
  checkTrainable: ({ initLoraWeights }, who) => {
    check(initLoraWeights !== 'mica', 'unsupported', () => {
      return `${who}: the adapter was begun with MiCA, which trains A alone; that is not supported, so leave trainable out`
    })
  },
}

const kinds: LayerKinds<Linear | Embedding> = {
  words: 'linear layers and embeddings',
  of: (module) => (module instanceof Embedding ? module : linearOf(module)),
}

/** Sees that nothing is asked for that tables do not have. */
function checkEmbedding(who: string, path: string, config: LoraConfig, isTied: boolean): void {
  const { useDora, loraBias, initLoraWeights } = config
  check(initLoraWeights !== 'loftq', 'unsupported', () => {
    return `${who}: "${path}" is an embedding, which initLoraWeights ${show(initLoraWeights)} does not start; leave it out`
  })
  check(!loraBias, 'config', () => `${who}: "${path}" is an embedding, whose B has no bias; leave loraBias out, or it`)
  check(!useDora || !isTied, 'unsupported', () => {
    return `${who}: "${path}" is an embedding whose head ensureWeightTying ties, and useDora rescales the two apart; leave one of them out`
  })
}

/** Fills factors of zeros as PEFT starts A and B (tuners/lora/layer.py, reset_lora_parameters). */
function start(
  { 'lora_A.weight': a, 'lora_B.weight': b, 'lora_B.bias': bias }: LoraFactors,
  init: LoraConfig['initLoraWeights'],
  random: Random,
): void {
  // Until `startFromBase` or `startByCorda` knows better they are 0.
  if (restStartOf(init) !== null) return
  if (init === 'orthogonal') drawOrthogonal(a, b, random)
  else if (init === 'gaussian') draw(a, () => random.normal() / a.rows)
  else drawUniform(a, random)
  if (init !== false) return
  drawUniform(b, random)
  if (bias !== undefined) draw(bias, () => (2 * random.uniform() - 1) / Math.sqrt(b.columns))
}
