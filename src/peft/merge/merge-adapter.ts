import { check } from '../../core/errors.ts'
import { findNonFinite } from '../../core/float16.ts'
import {
  abortSignal,
  callback,
  flag,
  listOf,
  oneOf,
  type OptionRules,
  readArgument,
  readOptions,
  text,
} from '../../core/options.ts'
import type { Device } from '../../device/device.ts'
import type { Module, Weight, Weights } from '../../nn/module.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { adaptableRule, deviceOf } from '../adaptable.ts'
import { type Adapter, unload } from '../adapter.ts'
import { type AdaptedLayer, changedWeights } from '../layers/adapted-layer.ts'
import type { AdapterSet } from '../several/adapter-set.ts'
import { setOf } from '../several/several-adapters.ts'
import { type RoundingLoss, roundingLoss, totalLoss, valuesOf } from './rounding-loss.ts'
import { type MergedType, storeMerged } from './store-merged.ts'

/** How adapters are merged. */
export interface MergeOptions {
  /** Those to merge, which become the active ones. Default: those that are active. */
  readonly adapterNames?: readonly string[]
  /**
   * What merged weights are stored in, rounded once from f32; 'base': each as the weight it came from. Default 'f32',
   * which loses nothing.
   */
  readonly dtype?: MergedType
  /**
   * With dtype 'base': round to 4 and 8 bits again, though most of a small update is lost by it; the report says how
   * much. Default false.
   */
  readonly force?: boolean
  /** Refuse merged weights that are not finite, as PEFT's safe_merge. Default true. */
  readonly safeMerge?: boolean
  /** Told of each layer that is merged. */
  readonly onProgress?: (done: number, total: number) => void
  /** Ends it between two layers; the model is then as before. */
  readonly signal?: AbortSignal
}

/** What merging did. */
export interface MergeReport {
  /** The adapters. */
  readonly adapterNames: readonly string[]
  /** Paths of the layers that were merged. */
  readonly layers: readonly string[]
  /** What rounding left of the updates, by layer; empty where all is f32. */
  readonly losses: readonly RoundingLoss[]
  /** The same of all of them; `null` where all is f32. */
  readonly loss: Omit<RoundingLoss, 'path'> | null
}

const rules: OptionRules<MergeOptions> = {
  adapterNames: listOf(text, 1),
  dtype: oneOf(['f32', 'f16', 'bf16', 'base']),
  force: flag,
  safeMerge: flag,
  onProgress: callback(),
  signal: abortSignal,
}

/**
 * Computes with merged weights from now on, beside which base and adapters stay in memory: PEFT's merge_adapter. After
 * `unmergeAdapter` the model is as before, bit for bit.
 * @throws MedAwareError `not-found` for adapters there are not; `config` where none is active or some are merged;
 * `unsupported` for weights in 4 or 8 bits with dtype 'base' and without `force`, and for adapters that cannot be
 * merged, such as prompts; `numeric` for merged weights that are not finite, or not in 16 bits; `memory`; whatever the
 * signal is aborted with. The model is then as before.
 */
export async function mergeAdapter(model: Module, options: MergeOptions = {}): Promise<MergeReport> {
  return mergeBy('mergeAdapter', model, options)
}

/**
 * Goes on with base and adapters apart, and frees the merged weights: PEFT's unmerge_adapter. @throws MedAwareError
 * `config` where nothing is merged.
 */
export function unmergeAdapter(model: Module): void {
  const who = 'unmergeAdapter'
  readArgument(who, 'model', model, adaptableRule)
  const set = setOf(who, model)
  check(set.isMerged, 'config', () => `${who}: no adapter is merged into the model`)
  for (const layer of set.layers()) {
    const { base, standIn } = layer
    layer.standIn = null
    if (standIn !== null) dispose(base, standIn)
  }
  set.isMerged = false
}

/**
 * Merges adapters and takes all of the model's off it, also those that are not merged: PEFT's merge_and_unload. What
 * was replaced and the adapters are freed when all is merged.
 * @throws MedAwareError as `mergeAdapter`; the model is then as before.
 */
export async function mergeAndUnload(model: Module, options: MergeOptions = {}): Promise<MergeReport> {
  const report = await mergeBy('mergeAndUnload', model, options)
  unload(model)
  return report
}

async function mergeBy(who: string, model: Module, options: MergeOptions): Promise<MergeReport> {
  readArgument(who, 'model', model, adaptableRule)
  const {
    adapterNames,
    dtype = 'f32',
    force = false,
    safeMerge = true,
    onProgress,
    signal,
  } = readOptions(who, options, rules)
  const set = setOf(who, model)
  set.checkUnmerged(who)
  if (adapterNames !== undefined) set.activate(who, adapterNames)
  const names = set.active
  check(names.length > 0, 'config', () => `${who}: no adapter is active; name some in adapterNames`)
  const device = deviceOf(model)
  const layers = layersOf(set)
  if (dtype === 'base' && !force) checkPlain(who, layers)
  const made: { readonly layer: AdaptedLayer; readonly module: Module }[] = []
  const losses: RoundingLoss[] = []
  try {
    for (const [path, layer] of layers) {
      signal?.throwIfAborted()
      const module = mergedOf(layer, device)
      made.push({ layer, module })
      losses.push(...(await storeAll(who, path, layer.baseWeights, module, { dtype, safeMerge })))
      onProgress?.(made.length, layers.size)
    }
    check(set.active === names && !set.isMerged, 'config', () => `${who}: the model's adapters changed meanwhile`)
  } catch (error) {
    for (const { layer, module } of made) dispose(layer.base, module)
    throw error
  }
  for (const { layer, module } of made) layer.standIn = module.train(layer.training)
  set.isMerged = true
  return { adapterNames: names, layers: [...layers.keys()], losses, loss: losses.length > 0 ? totalLoss(losses) : null }
}

/** The layers that an active adapter is on, by path. */
function layersOf({ members }: AdapterSet<Adapter>): ReadonlyMap<string, AdaptedLayer> {
  const all = [...members.values()].flatMap(({ layers }) => [...layers])
  return new Map(all.filter(([, { active }]) => active.length > 0))
}

/** A layer of merged weights in f32, which belongs to nobody. */
function mergedOf(layer: AdaptedLayer, { memory }: Device): Module {
  return memory.rooted(() =>
    memory.scoped((scope) => {
      const module = layer.merged()
      for (const [{ tensors }] of changedWeights(layer.base, module)) for (const tensor of tensors) scope.keep(tensor)
      return module
    }),
  )
}

/** Stores the weights of a merged layer, and says what rounding did to each that has fewer bits than f32. */
async function storeAll(
  who: string,
  path: string,
  base: Weights,
  module: Module,
  { dtype, safeMerge }: { readonly dtype: MergedType; readonly safeMerge: boolean },
): Promise<RoundingLoss[]> {
  const losses: RoundingLoss[] = []
  for (const [key, now] of Object.entries(module.weights)) {
    const before = base[key]
    if (!(now instanceof Tensor) || !before || now === before) continue
    const name = `${who}: ${path}.${key}`
    // Vectors stay f32, as they are everywhere.
    const isRounded = dtype !== 'f32' && now.shape.length > 1
    const values = safeMerge || isRounded ? await now.read() : null
    if (safeMerge && values !== null) checkFinite(name, values)
    if (!isRounded || values === null) continue
    const stored = await storeMerged(name, now, before, dtype)
    if (stored === now) continue
    Object.assign(module.weights, { [key]: stored })
    now.dispose()
    const was = await valuesOf(before)
    losses.push(
      await roundingLoss(
        path,
        before,
        stored,
        values.map((value, i) => value - (was[i] ?? NaN)),
      ),
    )
  }
  return losses
}

/** Frees the weights of a merged layer that are not the base's. */
function dispose(base: Module, merged: Module): void {
  for (const [now] of changedWeights(base, merged)) now.dispose()
}

function checkFinite(name: string, values: Float32Array): void {
  const bad = findNonFinite(new Uint32Array(values.buffer, values.byteOffset, values.length), 0x7f800000)
  check(bad < 0, 'numeric', () => {
    return `${name}: element ${bad} is ${values[bad]} when it is merged; the adapter is broken (safeMerge: false merges it)`
  })
}

/** Sees that no weight would be rounded to a few bits again. */
function checkPlain(who: string, layers: ReadonlyMap<string, AdaptedLayer>): void {
  const stored = [...layers].flatMap(([path, { base }]) =>
    Object.values<Weight | null>(base.weights).flatMap((weight) =>
      weight === null || weight instanceof Tensor ? [] : [[path, weight.recipe.type] as const],
    ),
  )
  check(stored.length === 0, 'unsupported', () => {
    const [path, type] = stored[0] ?? ['', '']
    return (
      `${who}: ${path} is in ${type}, and rounding it to ${type} again would lose most of a small update; merge into ` +
      `dtype 'bf16', 'f16' or 'f32', or insist with { force: true }`
    )
  })
}
