import { check, MedAwareError } from '../core/errors.ts'
import { Linear } from '../nn/linear.ts'
import type { Module } from '../nn/module.ts'
import type { LoraConfig } from './lora-config.ts'

/** A projection to adapt, and how. */
export interface Target {
  readonly path: string
  readonly layer: Linear
  readonly rank: number
  readonly alpha: number
}

/** How a target may be named. */
type Names = readonly string[] | string

/**
 * The projections that `config` adapts, in the model's order, by PEFT's rules (tuners/tuners_utils.py,
 * check_target_module_exists; utils/other.py, get_pattern_key).
 * @param isPartialOk Pass over names, layers and patterns that match nothing, as PEFT does. Default false.
 * @throws MedAwareError `not-found` where nothing, or not all that is named, matches; `unsupported` where a match is no
 * linear layer; `config` for a bad regular expression.
 */
export function findTargets(model: Module, config: LoraConfig, isPartialOk = false): readonly Target[] {
  const modules = [...model.namedModules()].filter(([path]) => path !== '')
  const linears = modules.filter((entry): entry is [string, Linear] => entry[1] instanceof Linear)
  const isTarget = targetMatcher(config)
  const isAll = isAllLinear(config.targetModules)
  const matched = (isAll ? linears : modules).filter(([path]) => isTarget(path))
  const there = `this model has ${lastNames(linears.map(([path]) => path)).join(', ') || 'no linear layer'}`
  check(matched.length > 0, 'not-found', () => {
    const narrowed = (['excludeModules', 'layersToTransform', 'layersPattern'] as const).filter(
      (field) => config[field] !== null,
    )
    const under = narrowed.map((field) => ` under ${field} ${JSON.stringify(config[field])}`).join('')
    return `attachLora: no module matches targetModules ${JSON.stringify(config.targetModules)}${under}; ${there}`
  })
  const rankOf = patternReader(config.rankPattern, config.r)
  const alphaOf = patternReader(config.alphaPattern, config.loraAlpha)
  const targets = matched.map(([path, layer]): Target => {
    check(layer instanceof Linear, 'unsupported', () => `attachLora: "${path}" is no linear layer; ${there}`)
    return { path, layer, rank: rankOf(path), alpha: alphaOf(path) }
  })
  if (!isPartialOk) {
    const left = unmatched(
      config,
      targets.map(({ path }) => path),
    )
    check(left.length === 0, 'not-found', () => `attachLora: no module matches ${left.join(', ')}; ${there}`)
  }
  return targets
}

/** The config with 'all-linear' spelt out, by last names where they name just the `paths`, as PEFT would save it. */
export function spellOutTargets(model: Module, config: LoraConfig, paths: readonly string[]): LoraConfig {
  if (!isAllLinear(config.targetModules)) return config
  const short = { ...config, targetModules: lastNames(paths) }
  const isTarget = targetMatcher(short)
  const named = [...model.namedModules()].filter(([path]) => isTarget(path))
  return named.length === paths.length ? short : { ...config, targetModules: paths }
}

/** Says of a module's path whether `config` names it. 'all-linear' names every path but an output head's. */
export function targetMatcher(config: LoraConfig): (path: string) => boolean {
  const { targetModules, excludeModules } = config
  const isExcluded = excludeModules === null ? () => false : nameMatcher(excludeModules, 'excludeModules')
  if (isAllLinear(targetModules)) return (path) => !isExcluded(path) && !/(^|\.)lm_head$/.test(path)
  const isNamed = nameMatcher(targetModules, 'targetModules')
  const isInLayers = layerMatcher(config)
  // A path given in full is adapted whatever its layer.
  const isGiven = (path: string): boolean => typeof targetModules !== 'string' && targetModules.includes(path)
  return (path) => !isExcluded(path) && (isGiven(path) || (isNamed(path) && isInLayers(path)))
}

/** The value of the first pattern that matches a path from a dot to its end, else `otherwise`. */
export function patternReader(patterns: Readonly<Record<string, number>>, otherwise: number): (path: string) => number {
  const rules = Object.entries(patterns).map(([pattern, value]) => [patternOf(pattern), value] as const)
  return (path) => rules.find(([rule]) => rule.test(path))?.[1] ?? otherwise
}

function isAllLinear(names: Names): boolean {
  return typeof names === 'string' && names.toLowerCase() === 'all-linear'
}

function nameMatcher(names: Names, field: string): (path: string) => boolean {
  if (typeof names !== 'string') return (path) => names.some((name) => path === name || path.endsWith(`.${name}`))
  const rule = compile(names, (source) => `^(?:${source})$`, field)
  return (path) => rule.test(path)
}

function layerMatcher({ layersToTransform, layersPattern }: LoraConfig): (path: string) => boolean {
  const layers = new Set([layersToTransform ?? []].flat())
  if (layers.size === 0) return () => true
  const patterns = [layersPattern ?? []].flat().filter((pattern) => pattern !== '')
  const rules = patterns.map((pattern) =>
    compile(pattern, (source) => `^(?:.*?\\.)?${source}\\.(\\d+)\\.`, 'layersPattern'),
  )
  if (rules.length === 0) rules.push(/^.*?\.[^.]*\.(\d+)\./)
  return (path) => {
    const found = rules.map((rule) => rule.exec(path)).find((match) => match !== null)
    return layers.has(Number(found?.at(-1) ?? NaN))
  }
}

/** What `config` asks for and the adapted `paths` do not show, in words. */
function unmatched(config: LoraConfig, paths: readonly string[]): readonly string[] {
  const { targetModules, layersToTransform, rankPattern, alphaPattern } = config
  const names = typeof targetModules === 'string' ? [] : targetModules
  const layers = [layersToTransform ?? []].flat()
  const without = <T>(field: string, items: readonly T[], matcher: (item: T) => (path: string) => boolean): string[] =>
    items.filter((item) => !paths.some(matcher(item))).map((item) => `${field} ${JSON.stringify(item)}`)
  const matching = (pattern: string) => (path: string) => patternOf(pattern).test(path)
  return [
    ...without('targetModules', names, (name) => nameMatcher([name], 'targetModules')),
    ...without('layersToTransform', layers, (layer) => layerMatcher({ ...config, layersToTransform: layer })),
    ...without('rankPattern', Object.keys(rankPattern), matching),
    ...without('alphaPattern', Object.keys(alphaPattern), matching),
  ]
}

function patternOf(pattern: string): RegExp {
  return compile(pattern, (source) => `^(?:.*\\.)?(?:${source})$`, 'rankPattern or alphaPattern')
}

/** A regular expression of Python's as one of JavaScript's. */
function compile(source: string, within: (source: string) => string, field: string): RegExp {
  check(
    !/\\[AZ]/.test(source),
    'unsupported',
    () => `attachLora: ${field} ${JSON.stringify(source)} has \\A or \\Z; leave it out`,
  )
  try {
    return new RegExp(within(source.replaceAll('(?P<', '(?<')))
  } catch (cause) {
    throw new MedAwareError('config', `attachLora: ${field} ${JSON.stringify(source)} is no regular expression`, {
      cause,
    })
  }
}

function lastNames(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)))]
}
