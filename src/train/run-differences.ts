import { isJsonObject, type JsonObject } from '../core/json.ts'
import { show, showNames } from '../core/show.ts'
import type { DataPosition } from './batch-source.ts'
import type { RunIdentity } from './run-identity.ts'

/** What a checkpoint says of the run that it was saved from. */
export interface SavedRun {
  readonly step: number
  readonly steps: number
  /** Their number; 0 where batches were given. */
  readonly examples: number
  /** Where the next step's batches begin; absent where they are made of examples. */
  readonly data?: DataPosition | undefined
  readonly options: Readonly<Record<string, unknown>>
  /** What a schedule that heeds evaluations goes by. */
  readonly schedule?: JsonObject | undefined
  /** Absent from checkpoints of earlier versions. */
  readonly identity?: RunIdentity
}

/** Something in which a run is not like the one that it goes on from. */
export interface RunDifference {
  /** An option's name, or 'steps', 'examples', 'adapter', 'base', 'engine', 'version' or 'checksums'. */
  readonly name: string
  readonly was: string
  readonly is: string
  /**
   * What it changes: the run's `result` in kind, at most the `rounding` of numbers, or `unknown`: a checkpoint of an
   * earlier version does not say.
   */
  readonly changes: 'result' | 'rounding' | 'unknown'
}

/** Options that change no bit of what is learned, or, like epochs, only through the number of steps. */
const withoutEffect: readonly string[] = ['gradientCheckpointing', 'loggingSteps', 'maxSteps', 'epochs']

/** Options that checkpoints of earlier versions do not have, and what their runs did. */
const laterOptions: JsonObject = {
  loraplusLrRatio: null,
  loraplusLrEmbedding: 1e-6,
  dataSeed: null,
  labelSmoothingFactor: 0,
  neftuneNoiseAlpha: null,
  disableDropout: false,
}

/** Everything in which a run differs from a saved one. */
export function differencesOf(was: SavedRun, is: SavedRun): RunDifference[] {
  const differences = [...optionDifferences(was, is)]
  const note = (name: string, before: string, now: string, changes: RunDifference['changes'] = 'result') => {
    if (before !== now) differences.push({ name, was: before, is: now, changes })
  }
  note('examples', describeData(was), describeData(is))
  const [before, now] = [was.identity, is.identity]
  if (before === undefined || now === undefined) {
    note('checksums', 'none', 'one a tensor', 'unknown')
    return differences
  }
  if (was.examples === is.examples) note('examples', `of hash ${before.examples}`, `of hash ${now.examples}`)
  differences.push(...adapterDifferences(before.adapter, now.adapter))
  for (const key of Object.keys(now.config).filter((each) => Object.hasOwn(before.config, each))) {
    const [a, b] = [before.config[key], now.config[key]]
    if (JSON.stringify(a) !== JSON.stringify(b)) note('base', `${key} ${show(a)}`, `${key} ${show(b)}`)
  }
  note('base', before.formats, now.formats)
  note('base', `weights of hash ${before.weights}`, `weights of hash ${now.weights}`)
  note('engine', before.engine, now.engine, 'rounding')
  note('version', before.version, now.version, 'rounding')
  // Another engine may have quantised the same weights with other last bits.
  if (before.formats === now.formats && before.engine === now.engine && before.version === now.version) {
    note('base', `quantised weights of hash ${before.quantised}`, `quantised weights of hash ${now.quantised}`)
  }
  return differences
}

/** What a run goes through: batches are known again only when they are gone through. */
function describeData({ data, examples }: SavedRun): string {
  return data === undefined ? String(examples) : 'batches'
}

/** The differences in a row, as an error lists them. */
export function describeDifferences(differences: readonly RunDifference[]): string {
  return differences.map(({ name, was, is }) => `${name} was ${was}, is ${is}`).join('; ')
}

/** The optimizer that a saved run's options name, and its settings; checkpoints of earlier versions are AdamW's. */
export function optimizerOf({ optimizer, betas, eps, weightDecay }: SavedRun['options']): JsonObject {
  return isJsonObject(optimizer) ? optimizer : { type: 'adamw', betas, eps, weightDecay }
}

function optionDifferences(was: SavedRun, is: SavedRun): RunDifference[] {
  // Earlier versions kept the optimizer's settings among the rest.
  const settings = ({ steps, options }: SavedRun): JsonObject => {
    const { optimizer: _, betas: __, eps: ___, weightDecay: ____, ...rest } = options
    return { ...laterOptions, ...rest, steps }
  }
  return [
    ...settingDifferences(settings(was), settings(is)),
    ...settingDifferences(optimizerOf(was.options), optimizerOf(is.options)),
  ]
}

function settingDifferences(before: JsonObject, now: JsonObject): RunDifference[] {
  const names = new Set([...Object.keys(now), ...Object.keys(before)].filter((name) => !withoutEffect.includes(name)))
  const word = (value: unknown) => (value === undefined ? 'unset' : JSON.stringify(value))
  return [...names]
    .map((name) => ({ name, was: word(before[name]), is: word(now[name]), changes: 'result' as const }))
    .filter((difference) => difference.was !== difference.is)
}

/** What two runs adapt otherwise, in words short enough for a sentence. */
function adapterDifferences(was: RunIdentity['adapter'], is: RunIdentity['adapter']): RunDifference[] {
  const paths = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter((path) => was[path] !== is[path])
  if (paths.length === 0) return []
  const describe = (adapter: RunIdentity['adapter']) => {
    return showNames([...new Set(paths.map((path) => adapter[path] ?? 'none'))], 3)
  }
  return [{ name: 'adapter', was: describe(was), is: `${describe(is)} (${showNames(paths, 2)})`, changes: 'result' }]
}
