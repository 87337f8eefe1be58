import { check, MedAwareError } from '../../core/errors.ts'
import { show, showNames } from '../../core/show.ts'
import { Embedding } from '../../nn/embedding.ts'
import { Linear } from '../../nn/linear.ts'
import type { Module } from '../../nn/module.ts'
import { bareModules } from '../layers/adapted-layer.ts'
import { isEmpty } from '../config/features.ts'
import { endingsOf, NamePatterns } from './module-names.ts'

/** Which projections an adapter adapts, in PEFT's words. */
export interface TargetNames {
  /**
   * Which projections to adapt: names that a module's path equals or ends with, one regular expression of Python's that
   * a whole path matches, or 'all-linear'. Default: PEFT's choice for the model's architecture, ['query_key_value'] of
   * a Falcon.
   */
  readonly targetModules: readonly string[] | string
  /** What not to adapt after all, by the same rules; nothing where it is empty. Default null. */
  readonly excludeModules: readonly string[] | string | null
  /**
   * Indices of the only layers to adapt, all where there is none; needs a list of names in targetModules. Default null.
   */
  readonly layersToTransform?: readonly number[] | number | null
  /**
   * A regular expression of what stands before a layer's index in a path, where the first number is not it. Default
   * null.
   */
  readonly layersPattern?: readonly string[] | string | null
}

/** A projection to adapt. */
export interface Target {
  readonly path: string
  readonly layer: Linear
}

/** Values of their own for the paths that a pattern matches, by the name of the config's field. */
export type ByPattern = Readonly<Record<string, Readonly<Record<string, number>>>>

/** How targets are looked for. */
export interface FindOptions {
  /** Of one adapter, which say who asks. */
  readonly patterns: NamePatterns
  /** Pass over names, layers and patterns that match nothing, as PEFT does. */
  readonly isPartialOk: boolean
  /** Fields that are to match a target each. Default none. */
  readonly byPattern?: ByPattern
}

const heads: readonly string[] = ['lm_head']
/** Why a head or an embedding is refused; what was trained must not be lost. */
const onlyBlocks =
  'adapters are here for linear layers of decoder blocks: leave it out of a new adapter, merge a trained one in PEFT'
const embeddings: readonly string[] = ['embed_tokens', 'word_embeddings']

/**
 * The projections that names mean, in the model's order and as if no adapter were on it, by PEFT's rules (tuners/tuners_utils.py,
 * check_target_module_exists; utils/other.py, get_pattern_key).
 * @throws MedAwareError `not-found` where nothing, or not all that is named, matches; `unsupported` where a match is no
 * linear layer, with what it is; `config` for a bad regular expression or one that takes too long.
 */
export function findTargets(model: Module, names: TargetNames, options: FindOptions): readonly Target[] {
  const { patterns, isPartialOk, byPattern = {} } = options
  const { who } = patterns
  const { targetModules } = names
  const modules = [...bareModules(model)].filter(([path]) => path !== '')
  const linears = modules.filter((entry): entry is [string, Linear] => entry[1] instanceof Linear)
  const isTarget = targetMatcher(names, patterns)
  const matched = (isAllLinear(names) ? linears : modules).filter(([path]) => isTarget(path))
  const there = `this model has ${showNames(lastNames(linears.map(([path]) => path))) || 'no linear layer'}`
  const hasHead = modules.some(([path]) => heads.includes(path))
  check(hasHead || isAllLinear(names) || !heads.some(isTarget), 'unsupported', () => {
    return `${who}: targetModules ${show(targetModules)} names the output head, which in this model is its embeddings; ${onlyBlocks}`
  })
  check(matched.length > 0, 'not-found', () => {
    const narrowed = (['excludeModules', 'layersToTransform', 'layersPattern'] as const).filter(
      (field) => !isEmpty(names[field]),
    )
    const under = narrowed.map((field) => ` under ${field} ${show(names[field])}`).join('')
    return `${who}: no module matches targetModules ${show(targetModules)}${under}; ${there}`
  })
  const targets = matched.map(([path, layer]): Target => {
    if (!(layer instanceof Linear)) throw noLinear(who, path, layer, there)
    return { path, layer }
  })
  if (!isPartialOk) {
    const paths = targets.map(({ path }) => path)
    const left = unmatched(names, byPattern, paths, patterns)
    check(left.length === 0, 'not-found', () => `${who}: no module matches ${showNames(left)}; ${there}`)
  }
  return targets
}

/** The config with 'all-linear' spelt out, by last names where they name just the `paths`, as PEFT would save it. */
export function spellOutTargets<C extends TargetNames>(model: Module, config: C, paths: readonly string[]): C {
  if (!isAllLinear(config)) return config
  const short = { ...config, targetModules: lastNames(paths) }
  const isTarget = targetMatcher(short, new NamePatterns(''))
  const named = [...bareModules(model)].filter(([path]) => isTarget(path))
  return named.length === paths.length ? short : { ...config, targetModules: paths }
}

/** Says of a module's path whether `names` mean it. 'all-linear' names every path but an output head's. */
export function targetMatcher(names: TargetNames, patterns: NamePatterns): (path: string) => boolean {
  const { targetModules, excludeModules, layersToTransform = null, layersPattern = null } = names
  const isExcluded =
    excludeModules === null || isEmpty(excludeModules) ? () => false : patterns.names(excludeModules, 'excludeModules')
  if (isAllLinear(names)) return (path) => !isExcluded(path) && !heads.some((head) => endingsOf(path).includes(head))
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
  field: string,
  patterns: NamePatterns,
): (path: string) => number {
  const first = patterns.firstOf(Object.keys(values), field)
  return (path) => values[first(path) ?? ''] ?? otherwise
}

function isAllLinear({ targetModules }: TargetNames): boolean {
  return typeof targetModules === 'string' && targetModules.toLowerCase() === 'all-linear'
}

function noLinear(who: string, path: string, module: Module, there: string): MedAwareError {
  const [last = ''] = endingsOf(path).slice(-1)
  const isHead = heads.includes(last)
  const isEmbedding = module instanceof Embedding || embeddings.includes(last)
  const what = isHead ? 'the output head' : isEmbedding ? 'an embedding' : 'no linear layer'
  const remedy = isHead || isEmbedding ? onlyBlocks : there
  return new MedAwareError('unsupported', `${who}: "${path}" is ${what}; ${remedy}`)
}

/** What is asked for and the adapted `paths` do not show, in words. */
function unmatched(
  { targetModules, layersToTransform = null, layersPattern = null }: TargetNames,
  byPattern: ByPattern,
  paths: readonly string[],
  patterns: NamePatterns,
): readonly string[] {
  const names = typeof targetModules === 'string' ? [] : targetModules
  const layers = [layersToTransform ?? []].flat()
  const endings = new Set(paths.flatMap(endingsOf))
  const layerOf = layers.length === 0 ? null : patterns.layerIndex(layersPattern)
  const indices = new Set(layerOf === null ? [] : paths.map(layerOf))
  const left = <T>(field: string, items: readonly T[], isMet: (item: T) => boolean): string[] =>
    items.filter((item) => !isMet(item)).map((item) => `${field} ${show(item)}`)
  const isMet = (field: string) => (pattern: string) => {
    const match = patterns.firstOf([pattern], field)
    return paths.some((path) => match(path) !== undefined)
  }
  return [
    ...left('targetModules', names, (name) => endings.has(name)),
    ...left('layersToTransform', layers, (layer) => indices.has(layer)),
    ...Object.entries(byPattern).flatMap(([field, values]) => left(field, Object.keys(values), isMet(field))),
  ]
}

function lastNames(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)))]
}
