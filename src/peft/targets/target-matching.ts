import { check, MedAwareError } from '../../core/errors.ts'
import { show, showNames } from '../../core/show.ts'
import { Embedding } from '../../nn/embedding.ts'
import { LanguageHead, TiedHead } from '../../nn/language-head.ts'
import { Linear } from '../../nn/linear.ts'
import type { Module } from '../../nn/module.ts'
import { isNorm } from '../../nn/norm-layer.ts'
import { plainHead } from '../layers/adapted-head.ts'
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

/** The same, and what is trained whole and so not adapted. */
export interface ConfiguredNames extends TargetNames {
  /** Default null. */
  readonly modulesToSave?: readonly string[] | null
}

/** A layer to adapt. */
export interface Target<L extends Module = Linear> {
  readonly path: string
  /** A head is the linear layer that it is to adapters. */
  readonly layer: L
}

/** Kinds of layers that a method can be put on. */
export interface LayerKinds<L extends Module> {
  /** In words: 'linear layers'. */
  readonly words: string
  /** The layer that a module is to adapters, `null` for one of another kind. */
  of(module: Module): L | null
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

const linears: LayerKinds<Linear> = { words: 'linear layers', of: linearOf }

/** The linear layers, heads among them, that names mean. @throws MedAwareError as `findLayers`. */
export function findTargets(model: Module, names: ConfiguredNames, options: FindOptions): readonly Target[] {
  return findLayers(model, names, linears, options)
}

/**
 * The layers that names mean, in the model's order and as if no adapter were on it, by PEFT's rules
 * (tuners/tuners_utils.py, check_target_module_exists; utils/other.py, get_pattern_key).
 * @throws MedAwareError `not-found` where nothing, or not all that is named, matches; `unsupported` where a match is of
 * no kind that the method takes, with what it is; `config` for a bad regular expression or one that takes too long.
 */
export function findLayers<L extends Module>(
  model: Module,
  names: ConfiguredNames,
  kinds: LayerKinds<L>,
  options: FindOptions,
): readonly Target<L>[] {
  const { patterns, isPartialOk, byPattern = {} } = options
  const { who } = patterns
  const { targetModules } = names
  const modules = [...bareModules(model)].filter(([path]) => path !== '')
  const isTarget = targetMatcher(names, patterns)
  const candidates = isAllLinear(names) ? modules.filter(([, module]) => module instanceof Linear) : modules
  const matched = candidates.filter(([path]) => isTarget(path))
  const fitting = modules.filter(([, module]) => kinds.of(module) !== null)
  const there = `this model has ${showNames(lastNames(fitting.map(([path]) => path))) || 'none'}`
  check(matched.length > 0, 'not-found', () => {
    const narrowed = (['excludeModules', 'layersToTransform', 'layersPattern', 'modulesToSave'] as const).filter(
      (field) => !isEmpty(names[field]),
    )
    const under = narrowed.map((field) => ` under ${field} ${show(names[field])}`).join('')
    if (targetModules.length === 0) return `${who}: targetModules must be given, for PEFT has no default here; ${there}`
    return `${who}: no module matches targetModules ${show(targetModules)}${under}; ${there}`
  })
  const targets = matched.map(([path, module]): Target<L> => {
    const layer = kinds.of(module)
    if (layer === null) {
      throw new MedAwareError(
        'unsupported',
        `${who}: "${path}" is ${whatIs(module)}, but must be one of the ${kinds.words}; ${there}`,
      )
    }
    return { path, layer }
  })
  if (!isPartialOk) {
    const paths = targets.map(({ path }) => path)
    const left = unmatched(names, byPattern, paths, patterns)
    check(left.length === 0, 'not-found', () => `${who}: no module matches ${showNames(left)}; ${there}`)
  }
  return targets
}

/**
 * The config with 'all-linear' spelt out, by last names where they name just the `places`, as PEFT would save it: what
 * most methods give as `AdapterMethod.spelt`.
 */
export function spellOutTargets<C extends TargetNames>(
  config: C,
  model: Module,
  places: readonly { readonly path: string }[],
): C {
  if (!isAllLinear(config)) return config
  const paths = places.map(({ path }) => path)
  const short = { ...config, targetModules: lastNames(paths) }
  const isTarget = targetMatcher(short, new NamePatterns(''))
  const named = [...bareModules(model)].filter(([path]) => isTarget(path))
  return named.length === paths.length ? short : { ...config, targetModules: paths }
}

/** Says of a module's path whether `names` mean it. 'all-linear' names every path but an output head's. */
export function targetMatcher(names: ConfiguredNames, patterns: NamePatterns): (path: string) => boolean {
  const { targetModules, excludeModules, layersToTransform = null, layersPattern = null } = names
  const isNamedOut =
    excludeModules === null || isEmpty(excludeModules) ? () => false : patterns.names(excludeModules, 'excludeModules')
  const isSaved = patterns.within(names.modulesToSave ?? [], 'modulesToSave')
  const isExcluded = (path: string): boolean => isNamedOut(path) || isSaved(path)
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

/** The linear layer that a module is to adapters, `null` for another kind. */
export function linearOf(module: Module): Linear | null {
  if (module instanceof LanguageHead || module instanceof TiedHead) return plainHead(module)
  return module instanceof Linear ? module : null
}

function whatIs(module: Module): string {
  if (linearOf(module) !== null) return 'a linear layer'
  if (module instanceof Embedding) return 'an embedding'
  return isNorm(module) ? 'a norm' : 'a module of others'
}

/** What is asked for and the adapted `paths` do not show, in words. */
export function unmatched(
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
