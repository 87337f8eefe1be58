import { show, showNames } from '../../core/show.ts'
import type { Module } from '../../nn/module.ts'
import type { Place, PlaceOptions } from '../adapter-method.ts'
import type { AdapterConfig } from '../config/config-fields.ts'
import { isEmpty } from '../config/features.ts'
import { bareModules } from '../layers/adapted-layer.ts'
import { NamePatterns } from './module-names.ts'
import { type ByPattern, type TargetNames, unmatched } from './target-matching.ts'

/**
 * Tells what a config names and no place has, where that is passed over, and what it excludes and no module is, which
 * PEFT tells as well (tuners/tuners_utils.py, inject_adapter).
 */
export function tellUnmatched(
  model: Module,
  config: AdapterConfig & Partial<TargetNames>,
  places: readonly Place[],
  { who, isPartialOk, onWarning }: PlaceOptions,
): void {
  const idle = onWarning === undefined ? [] : idleExclusions(model, config.excludeModules ?? [], who)
  if (idle.length > 0) onWarning?.(`${who}: no module matches ${showNames(idle)}, so nothing is left out for it`)
  const { targetModules, excludeModules = null, layersToTransform = null, layersPattern = null } = config
  if (!isPartialOk || onWarning === undefined || targetModules === undefined || isEmpty(targetModules)) return
  const names = { targetModules, excludeModules, layersToTransform, layersPattern }
  const paths = places.map(({ path }) => path)
  const left = unmatched(names, patternsOf(config), paths, new NamePatterns(who))
  if (left.length > 0)
    onWarning(`${who}: no module matches ${showNames(left)}; the adapter is on all else that it names`)
}

/** Tells that biases are to be trained where there are none. @param trained How many are. */
export function tellNoBias(
  { bias = 'none' }: AdapterConfig & { readonly bias?: string },
  trained: number,
  { who, onWarning }: PlaceOptions,
): void {
  if (bias === 'none' || trained > 0) return
  const where = bias === 'all' ? 'the model has no bias' : 'no layer that is adapted has one'
  onWarning?.(`${who}: bias ${show(bias)} trains nothing, for ${where}`)
}

/** Names of modules to leave out that there are not, in words. */
function idleExclusions(model: Module, excluded: readonly string[] | string, who: string): readonly string[] {
  const patterns = new NamePatterns(who)
  const paths = [...bareModules(model)].map(([path]) => path)
  const each = typeof excluded === 'string' ? [excluded].filter((name) => name !== '') : excluded.map((name) => [name])
  return each
    .filter((names) => !paths.some(patterns.names(names, 'excludeModules')))
    .map((names) => `excludeModules ${show([names].flat()[0])}`)
}

/** Fields whose patterns are to match a module each; AdaLoRA keeps other things in one of them. */
function patternsOf(config: object): ByPattern {
  const fields = Object.entries(config).filter(([field]) => field === 'rankPattern' || field === 'alphaPattern')
  return Object.fromEntries(fields.filter((entry): entry is [string, Record<string, number>] => isOfNumbers(entry[1])))
}

function isOfNumbers(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'number')
}
