import { showNames } from '../../core/show.ts'
import type { Place, PlaceOptions } from '../adapter-method.ts'
import type { AdapterConfig } from '../config/config-fields.ts'
import { isEmpty } from '../config/features.ts'
import { NamePatterns } from './module-names.ts'
import { type ByPattern, type TargetNames, unmatched } from './target-matching.ts'

/** Tells what a config names and no place has, where that is passed over. */
export function tellUnmatched(
  config: AdapterConfig & Partial<TargetNames>,
  places: readonly Place[],
  { who, isPartialOk, onWarning }: PlaceOptions,
): void {
  const { targetModules, excludeModules = null, layersToTransform = null, layersPattern = null } = config
  if (!isPartialOk || onWarning === undefined || targetModules === undefined || isEmpty(targetModules)) return
  const names = { targetModules, excludeModules, layersToTransform, layersPattern }
  const paths = places.map(({ path }) => path)
  const left = unmatched(names, patternsOf(config), paths, new NamePatterns(who))
  if (left.length > 0)
    onWarning(`${who}: no module matches ${showNames(left)}; the adapter is on all else that it names`)
}

/** Fields whose patterns are to match a module each; AdaLoRA keeps other things in one of them. */
function patternsOf(config: object): ByPattern {
  const fields = Object.entries(config).filter(([field]) => field === 'rankPattern' || field === 'alphaPattern')
  return Object.fromEntries(fields.filter((entry): entry is [string, Record<string, number>] => isOfNumbers(entry[1])))
}

function isOfNumbers(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'number')
}
