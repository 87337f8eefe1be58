import type { Adaptable } from '../adaptable.ts'
import type { Place, PlaceOptions } from '../adapter-method.ts'
import { NamePatterns } from '../targets/module-names.ts'
import { findTargets, patternReader, type Target } from '../targets/target-matching.ts'
import type { LycorisConfig } from './lycoris-config.ts'

/**
 * The places of LoHa or LoKr, each by the rank and the scaling that its path has.
 * @throws MedAwareError as `attachAdapter`.
 */
export function lycorisPlaces(
  model: Adaptable,
  config: LycorisConfig,
  { who, isPartialOk }: PlaceOptions,
  placeOf: (target: Target, rank: number, scaling: number) => Place,
): readonly Place[] {
  const { r, alpha, rankPattern, alphaPattern } = config
  const patterns = new NamePatterns(who)
  const targets = findTargets(model, config, { patterns, isPartialOk, byPattern: { rankPattern, alphaPattern } })
  const rankOf = patternReader(rankPattern, r, 'rankPattern', patterns)
  const alphaOf = patternReader(alphaPattern, alpha, 'alphaPattern', patterns)
  return targets.map((target) => {
    const rank = rankOf(target.path)
    return placeOf(target, rank, alphaOf(target.path) / rank)
  })
}
