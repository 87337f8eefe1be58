import { check, MedAwareError } from '../core/errors.ts'
import { show, showNames } from '../core/show.ts'
import { Embedding } from '../nn/embedding.ts'
import { Linear } from '../nn/linear.ts'
import type { Module } from '../nn/module.ts'
import type { LoraConfig } from './lora-config.ts'
import { isEmpty } from './lora-features.ts'
import { endingsOf, NamePatterns } from './module-names.ts'

/** A projection to adapt, and how. */
export interface Target {
  readonly path: string
  readonly layer: Linear
  readonly rank: number
  readonly alpha: number
}

const who = 'attachLora'
const heads: readonly string[] = ['lm_head']
/** Why a head or an embedding is refused; what was trained must not be lost. */
const onlyBlocks =
  'LoRA is here for linear layers of decoder blocks: leave it out of a new adapter, merge a trained one in PEFT'
const embeddings: readonly string[] = ['embed_tokens', 'word_embeddings']

/**
 * The projections that `config` adapts, in the model's order, by PEFT's rules (tuners/tuners_utils.py,
 * check_target_module_exists; utils/other.py, get_pattern_key).
 * @param isPartialOk Pass over names, layers and patterns that match nothing, as PEFT does. Default false.
 * @throws MedAwareError `not-found` where nothing, or not all that is named, matches; `unsupported` where a match is no
 * linear layer, with what it is; `config` for a bad regular expression or one that takes too long.
 */
export function findTargets(model: Module, config: LoraConfig, isPartialOk = false): readonly Target[] {
  const modules = [...model.namedModules()].filter(([path]) => path !== '')
  const linears = modules.filter((entry): entry is [string, Linear] => entry[1] instanceof Linear)
  const patterns = new NamePatterns(who)
  const isTarget = targetMatcher(config, patterns)
  const matched = (isAllLinear(config) ? linears : modules).filter(([path]) => isTarget(path))
  const there = `this model has ${showNames(lastNames(linears.map(([path]) => path))) || 'no linear layer'}`
  const hasHead = modules.some(([path]) => heads.includes(path))
  check(hasHead || isAllLinear(config) || !heads.some(isTarget), 'unsupported', () => {
    return `${who}: targetModules ${show(config.targetModules)} names the output head, which in this model is its embeddings; ${onlyBlocks}`
  })
  check(matched.length > 0, 'not-found', () => {
    const narrowed = (['excludeModules', 'layersToTransform', 'layersPattern'] as const).filter(
      (field) => !isEmpty(config[field]),
    )
    const under = narrowed.map((field) => ` under ${field} ${show(config[field])}`).join('')
    return `${who}: no module matches targetModules ${show(config.targetModules)}${under}; ${there}`
  })
  const rankOf = patternReader(config.rankPattern, config.r, 'rankPattern', patterns)
  const alphaOf = patternReader(config.alphaPattern, config.loraAlpha, 'alphaPattern', patterns)
  const targets = matched.map(([path, layer]): Target => {
    if (!(layer instanceof Linear)) throw noLinear(path, layer, there)
    return { path, layer, rank: rankOf(path), alpha: alphaOf(path) }
  })
  if (!isPartialOk) {
    const paths = targets.map(({ path }) => path)
    const left = unmatched(config, paths, patterns)
    check(left.length === 0, 'not-found', () => `${who}: no module matches ${showNames(left)}; ${there}`)
  }
  return targets
}

/** The config with 'all-linear' spelt out, by last names where they name just the `paths`, as PEFT would save it. */
export function spellOutTargets(model: Module, config: LoraConfig, paths: readonly string[]): LoraConfig {
  if (!isAllLinear(config)) return config
  const short = { ...config, targetModules: lastNames(paths) }
  const isTarget = targetMatcher(short)
  const named = [...model.namedModules()].filter(([path]) => isTarget(path))
  return named.length === paths.length ? short : { ...config, targetModules: paths }
}

/** Says of a module's path whether `config` names it. 'all-linear' names every path but an output head's. */
export function targetMatcher(config: LoraConfig, patterns = new NamePatterns(who)): (path: string) => boolean {
  const { targetModules, excludeModules, layersToTransform, layersPattern } = config
  const isExcluded =
    excludeModules === null || isEmpty(excludeModules) ? () => false : patterns.names(excludeModules, 'excludeModules')
  if (isAllLinear(config)) return (path) => !isExcluded(path) && !heads.some((head) => endingsOf(path).includes(head))
  const isNamed = patterns.names(targetModules, 'targetModules')
  const layers = new Set([layersToTransform ?? []].flat())
  const layerOf = layers.size === 0 ? null : patterns.layerIndex(layersPattern)
  // A path given in full is adapted whatever its layer.
  const given = new Set(typeof targetModules === 'string' ? [] : targetModules)
  const isInLayers = (path: string): boolean => layerOf === null || layers.has(layerOf(path))
  return (path) => !isExcluded(path) && (given.has(path) || (isNamed(path) && isInLayers(path)))
}

/** The value of the first pattern that matches a path from a dot to its end, else `otherwise`. */
export function patternReader(
  values: Readonly<Record<string, number>>,
  otherwise: number,
  field: 'rankPattern' | 'alphaPattern',
  patterns = new NamePatterns(who),
): (path: string) => number {
  const first = patterns.firstOf(Object.keys(values), field)
  return (path) => values[first(path) ?? ''] ?? otherwise
}

function isAllLinear({ targetModules }: LoraConfig): boolean {
  return typeof targetModules === 'string' && targetModules.toLowerCase() === 'all-linear'
}

function noLinear(path: string, module: Module, there: string): MedAwareError {
  const [last = ''] = endingsOf(path).slice(-1)
  const isHead = heads.includes(last)
  const isEmbedding = module instanceof Embedding || embeddings.includes(last)
  const what = isHead ? 'the output head' : isEmbedding ? 'an embedding' : 'no linear layer'
  const remedy = isHead || isEmbedding ? onlyBlocks : there
  return new MedAwareError('unsupported', `${who}: "${path}" is ${what}; ${remedy}`)
}

/** What `config` asks for and the adapted `paths` do not show, in words. */
function unmatched(config: LoraConfig, paths: readonly string[], patterns: NamePatterns): readonly string[] {
  const { targetModules, layersToTransform, layersPattern, rankPattern, alphaPattern } = config
  const names = typeof targetModules === 'string' ? [] : targetModules
  const layers = [layersToTransform ?? []].flat()
  const endings = new Set(paths.flatMap(endingsOf))
  const layerOf = layers.length === 0 ? null : patterns.layerIndex(layersPattern)
  const indices = new Set(layerOf === null ? [] : paths.map(layerOf))
  const left = <T>(field: string, items: readonly T[], isMet: (item: T) => boolean): string[] =>
    items.filter((item) => !isMet(item)).map((item) => `${field} ${show(item)}`)
  const isMet = (field: 'rankPattern' | 'alphaPattern') => (pattern: string) => {
    const match = patterns.firstOf([pattern], field)
    return paths.some((path) => match(path) !== undefined)
  }
  return [
    ...left('targetModules', names, (name) => endings.has(name)),
    ...left('layersToTransform', layers, (layer) => indices.has(layer)),
    ...left('rankPattern', Object.keys(rankPattern), isMet('rankPattern')),
    ...left('alphaPattern', Object.keys(alphaPattern), isMet('alphaPattern')),
  ]
}

function lastNames(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)))]
}
