import type { CharacterMode, CharacterTest } from './characters.ts'

/** A regular expression, taken apart. */
export type Pattern =
  | { readonly kind: 'character'; readonly test: CharacterTest }
  | { readonly kind: 'place'; readonly holds: PlaceTest }
  | { readonly kind: 'sequence'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'either'; readonly options: readonly Pattern[] }
  | {
      readonly kind: 'repeat'
      readonly body: Pattern
      readonly min: number
      readonly max: number
      readonly isLazy: boolean
    }
  | { readonly kind: 'group'; readonly index: number; readonly body: Pattern }
  /** What is matched once stays so: `(?>…)` and possessive repeats. */
  | { readonly kind: 'atomic'; readonly body: Pattern }
  /** A look ahead, or behind by a number of characters. */
  | { readonly kind: 'look'; readonly body: Pattern; readonly behind: number; readonly isNegative: boolean }
  | { readonly kind: 'reference'; readonly group: number; readonly mode: CharacterMode }
  | { readonly kind: 'condition'; readonly group: number; readonly yes: Pattern; readonly no: Pattern }

/** Whether a place between two characters is one where the pattern may go on. */
export type PlaceTest = (text: readonly number[], at: number) => boolean

/** The fewest and most characters that something matches. */
export type Width = readonly [number, number]

/** @param groups Widths of the groups that a reference may name. */
export function widthOf(pattern: Pattern, groups: readonly (Width | null)[]): Width {
  switch (pattern.kind) {
    case 'character':
      return [1, 1]
    case 'place':
    case 'look':
      return [0, 0]
    case 'sequence':
      return pattern.parts
        .map((part) => widthOf(part, groups))
        .reduce<Width>(([low, high], [from, to]) => [low + from, high + to], [0, 0])
    case 'either':
      return widest(pattern.options.map((option) => widthOf(option, groups)))
    case 'repeat': {
      const [low, high] = widthOf(pattern.body, groups)
      return [low * pattern.min, high === 0 || pattern.max === 0 ? 0 : high * pattern.max]
    }
    case 'group':
    case 'atomic':
      return widthOf(pattern.body, groups)
    case 'reference':
      return groups[pattern.group] ?? [0, Infinity]
    case 'condition':
      return widest([widthOf(pattern.yes, groups), widthOf(pattern.no, groups)])
  }
}

function widest(widths: readonly Width[]): Width {
  return widths.reduce(([low, high], [from, to]) => [Math.min(low, from), Math.max(high, to)])
}
