import { check } from '../../core/errors.ts'
import { either, listOf, type OptionRules, orNull, recordOf, type Rule, that, whole } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import type { TargetNames } from '../targets/target-matching.ts'
import { maybeNamesRule } from './config-fields.ts'
import { isEmpty } from './features.ts'

/** Ranks and alphas that differ from place to place, as methods of PEFT with both have them. */
export interface RankPatterns {
  /** Ranks of their own for the paths that a regular expression matches from a dot to the end; the first match wins. */
  readonly rankPattern: Readonly<Record<string, number>>
  /** The same for alpha. */
  readonly alphaPattern: Readonly<Record<string, number>>
}

const layer = whole({ from: 0 })
const fitsF32 = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(Math.fround(value))

/** A rank. */
export const rankRule = whole({ from: 1 })
/** What a new adapter's update is scaled by: 0 would train nothing. */
export const alphaRule: Rule<number> = that('a number other than 0 that f32 holds', (value): value is number => {
  return fitsF32(value) && Math.fround(value) !== 0
})
/** The same of an adapter that is read. */
export const savedAlphaRule: Rule<number> = that('a number that f32 holds', fitsF32)

/** Rules of the fields that narrow a list of names. */
export const layerRules: OptionRules<Required<Pick<TargetNames, 'layersToTransform' | 'layersPattern'>>> = {
  layersToTransform: orNull(either(layer, listOf(layer))),
  layersPattern: maybeNamesRule,
}

/** Rules of ranks and alphas by pattern. */
export const patternRules: OptionRules<RankPatterns> = {
  rankPattern: recordOf(rankRule),
  alphaPattern: recordOf(alphaRule),
}

/** Sees that what narrows a list of names comes with one. @throws MedAwareError `config`. */
export function checkLayers(config: TargetNames, who: string, nameOf: (field: string) => string): void {
  const { targetModules, layersToTransform, layersPattern } = config
  for (const field of ['layersToTransform', 'layersPattern'] as const) {
    check(typeof targetModules !== 'string' || isEmpty(config[field]), 'config', () => {
      return `${who}: ${nameOf(field)} needs a list in ${nameOf('targetModules')}, got ${show(targetModules)}`
    })
  }
  check(isEmpty(layersPattern) || layersToTransform !== null, 'config', () => {
    return `${who}: ${nameOf('layersPattern')} needs ${nameOf('layersToTransform')} as well`
  })
}
