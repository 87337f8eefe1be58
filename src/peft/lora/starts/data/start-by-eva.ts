import { check } from '../../../../core/errors.ts'
import { showNames } from '../../../../core/show.ts'
import { type AdapterPlan, planAdapter } from '../../../adapter-plan.ts'
import { type Adapter, adapterSetOf } from '../../../adapter.ts'
import { attach } from '../../../attach.ts'
import { NamePatterns } from '../../../targets/module-names.ts'
import { patternReader } from '../../../targets/target-matching.ts'
import { evaDefaults } from '../../eva-config.ts'
import type { LoraConfig } from '../../lora-config.ts'
import { lora } from '../../lora.ts'
import type { StartBatches } from './batches.ts'
import { evaDirections } from './eva.ts'
import { isReader } from './layer-inputs.ts'
import type { LongStart } from './long-start.ts'

/**
 * Attaches LoRA with A, and each layer's rank and alpha, as EVA chooses them (peft/tuners/lora/eva.py,
 * initialize_lora_eva_weights). Layers whose rank comes to 0 get no adapter.
 * @param plan With the ranks of the config.
 * @throws MedAwareError as `evaDirections`; `config` for a model that reads no batches.
 */
export async function startByEva(
  plan: AdapterPlan<LoraConfig>,
  seed: number,
  batches: StartBatches,
  long: LongStart,
): Promise<Adapter<LoraConfig>> {
  const { who } = long
  const { model, name, config } = plan
  check(isReader(model), 'config', () => `${who}: the model has no method forward, which is to read batches`)
  adapterSetOf(model)?.checkUnmerged(who)
  const eva = { ...evaDefaults, ...config.evaConfig }
  const layers = plan.places.flatMap(({ path, shapes }) => {
    const [rank, inFeatures] = shapes['lora_A.weight'] ?? []
    return rank === undefined || inFeatures === undefined ? [] : [{ path, rank, inFeatures }]
  })
  const tables = plan.places.filter(({ shapes }) => 'lora_embedding_A' in shapes).map(({ path }) => path)
  check(tables.length === 0, 'unsupported', () => {
    return `${who}: initLoraWeights "eva" starts linear layers, and ${showNames(tables)} is an embedding; leave it out`
  })
  const made = await evaDirections(model, layers, eva, batches, long)
  const alphaOf = patternReader(config.alphaPattern, config.loraAlpha, 'alphaPattern', new NamePatterns(who))
  const kept = layers.flatMap(({ path, rank }) => {
    const a = made.get(path)
    if (a === undefined || a.rows === 0) return []
    const isAdjusted = eva.adjustScalingFactors && a.rows !== rank
    return [{ path, a, alpha: isAdjusted ? (alphaOf(path) * a.rows) / rank : alphaOf(path) }]
  })
  const chosen: LoraConfig = {
    ...config,
    evaConfig: eva,
    targetModules: kept.map(({ path }) => path),
    rankPattern: Object.fromEntries(kept.flatMap(({ path, a }) => (a.rows === config.r ? [] : [[path, a.rows]]))),
    alphaPattern: Object.fromEntries(
      kept.flatMap(({ path, alpha }) => (alpha === config.loraAlpha ? [] : [[path, alpha]])),
    ),
  }
  // What the caller named has been found; a layer that lost its adapter is no mistake of theirs.
  const adapter = attach(planAdapter(lora, model, chosen, { who, name, isPartialOk: true }), seed)
  for (const { path, a } of kept) {
    adapter.layers.get(path)?.adapter(name).factors['lora_A.weight']?.write(Float32Array.from(a.values))
  }
  return adapter
}
