import type { Shape } from '../../core/shape.ts'
import type { Module } from '../../nn/module.ts'
import type { Adaptable } from '../adaptable.ts'
import type { Place } from '../adapter-method.ts'
import type { AdapterConfig } from '../config/config-fields.ts'
import { bareModules, isAdapted, keyPrefix } from '../layers/adapted-layer.ts'
import { endingsOf, NamePatterns } from './module-names.ts'
import type { TiedPair } from './tied-pair.ts'

/** What a frozen table is called in a file, behind its layer's path. */
export const baseTable = 'base_layer.weight'

/** Names by which PEFT knows embeddings and heads (utils/constants.py, EMBEDDING_LAYER_NAMES). */
const names: readonly string[] = ['embed_tokens', 'lm_head']

/**
 * The places, of which those on embeddings and heads also have the frozen table in the file, where PEFT writes it:
 * where targets name one by PEFT's names, unless single tokens are trained (utils/save_and_load.py,
 * get_peft_model_state_dict). @param config With targets as they are saved. @param tied Tables that share an adapter.
 */
export function withSavedTables(
  model: Adaptable,
  config: AdapterConfig,
  places: readonly Place[],
  tied: TiedPair | null,
): readonly Place[] {
  if (!namesTable(model, config)) return places
  const tables = new Map<Module, Shape>(
    [model.getInputEmbeddings?.(), model.getOutputEmbeddings?.()].flatMap((module) => {
      return module === undefined ? [] : [[isAdapted(module) ? module.base : module, module.table.shape] as const]
    }),
  )
  const bare = new Map(bareModules(model))
  return places.map((place) => {
    const module = bare.get(place.path)
    const shape = module && tables.get(module)
    if (shape === undefined) return place
    const ofHead = place.path === tied?.embeddings && { [`${keyPrefix}${tied.head}.${baseTable}`]: shape }
    return { ...place, repeats: { ...place.repeats, [baseTable]: shape, ...ofHead } }
  })
}

function namesTable(model: Adaptable, config: AdapterConfig): boolean {
  const hasTokens = 'trainableTokenIndices' in config && config.trainableTokenIndices !== null
  if (!('targetModules' in config) || hasTokens || 'tokenIndices' in config) return false
  const { targetModules } = config
  if (Array.isArray(targetModules)) return names.some((name) => targetModules.includes(name))
  if (typeof targetModules !== 'string' || targetModules === 'all-linear') return false
  const isTarget = new NamePatterns('').names(targetModules, 'targetModules')
  return [...bareModules(model)].some(([path]) => names.includes(endingsOf(path).at(-1) ?? '') && isTarget(path))
}
