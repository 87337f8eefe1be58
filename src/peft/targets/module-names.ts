import { check } from '../../core/errors.ts'
import { PythonRegex, type StepBudget } from '../../core/python/regex/python-regex.ts'
import { show } from '../../core/show.ts'

/** How modules may be named. */
export type Names = readonly string[] | string

/** Steps that matching all patterns of one adapter with all paths of a model may take: about two seconds. */
const mostSteps = 50_000_000
/** What reading a character of a pattern costs, in steps. */
const stepsOfCharacter = 50

/** The patterns of one adapter, as PEFT 0.21.2 puts them together and asks them. They share a budget of steps. */
export class NamePatterns {
  readonly #budget: StepBudget = { left: mostSteps }

  constructor(readonly who: string) {}

  /** Names that a path equals or ends with behind a dot, or one pattern that is the whole path (tuners_utils.py). */
  names(names: Names, field: string): (path: string) => boolean {
    if (typeof names === 'string') {
      const regex = this.#compile(names, names, field)
      return (path) => regex.matchesAll(path, this.#budget)
    }
    const set = new Set(names)
    return (path) => endingsOf(path).some((ending) => set.has(ending))
  }

  /**
   * Patterns that are a module's name, or that of a module it is in, from its beginning or a dot on: no adapter is put
   * on what is trained whole (tuners_utils.py, check_target_module_exists).
   */
  within(patterns: readonly string[], field: string): (path: string) => boolean {
    const rules = patterns.map((pattern) => this.#compile(`(^|.*\\.)${pattern}($|\\..*)`, pattern, field))
    return (path) => rules.some((rule) => rule.matchStart(path, this.#budget) !== null)
  }

  /**
   * The index of a path's layer, NaN where it has none; `patterns` say what stands before it, else the first number
   * counts.
   */
  layerIndex(patterns: Names | null): (path: string) => number {
    const given = [patterns ?? []].flat()
    const sources = given.length === 0 || patterns === '' ? ['.*?\\.[^.]*\\.(?P<idx>\\d+)\\.'] : given.map(ofLayers)
    const rules = sources.map((source, index) => this.#compile(source, given[index] ?? '', 'layersPattern'))
    return (path) => {
      for (const rule of rules) {
        const found = rule.matchStart(path, this.#budget)
        if (found !== null) return Number(found['idx'] ?? NaN)
      }
      return NaN
    }
  }

  /** The first pattern that matches a path from its beginning or a dot to its end (utils/other.py, get_pattern_key). */
  firstOf(patterns: readonly string[], field: string): (path: string) => string | undefined {
    const rules = patterns.map((pattern) => [pattern, this.#compile(`(.*\\.)?(${pattern})$`, pattern, field)] as const)
    return (path) => rules.find(([, rule]) => rule.matchStart(path, this.#budget) !== null)?.[0]
  }

  #compile(source: string, given: string, field: string): PythonRegex {
    const who = `${this.who}: ${field} ${show(given)}`
    this.#budget.left -= stepsOfCharacter * (1 + source.length)
    check(this.#budget.left > 0, 'config', () => `${this.who}: ${field} has too many patterns`)
    return new PythonRegex(source, who)
  }
}

/** A path and what of it stands behind a dot. */
export function endingsOf(path: string): readonly string[] {
  const parts = path.split('.')
  return parts.map((_, index) => parts.slice(index).join('.'))
}

function ofLayers(pattern: string): string {
  return `(?:^|.*?\\.)${pattern}\\.(?P<idx>\\d+)\\.`
}
