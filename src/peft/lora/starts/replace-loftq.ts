import { check } from '../../../core/errors.ts'
import { abortSignal, callback, type OptionRules } from '../../../core/options.ts'
import type { Shape } from '../../../core/shape.ts'
import { show } from '../../../core/show.ts'
import { Linear } from '../../../nn/linear.ts'
import type { Module } from '../../../nn/module.ts'
import { StoredMatrix } from '../../../tensor/stored-matrix.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import type { Adapter } from '../../adapter.ts'
import { noteStart } from '../../as-started.ts'
import { DoraLinear } from '../dora-linear.ts'
import { LoraLinear } from '../lora-linear.ts'
import { lostFactors } from './loftq.ts'
import { isOverRest } from './rest.ts'

/** How factors are replaced. */
export interface ReplaceLoftqOptions {
  /**
   * Asked after each layer whether to keep what it has now, such as after a look at the model's logits; at false its
   * factors are as before. Default: all are kept.
   */
  readonly callback?: (model: Module, path: string) => boolean | Promise<boolean>
  /** Told of each layer that is done. */
  readonly onProgress?: (progress: ReplaceLoftqProgress) => void
  /** Ends it between two layers; the factors are then as before. */
  readonly signal?: AbortSignal
}

/** How far it is. */
export interface ReplaceLoftqProgress {
  /** Of the layer. */
  readonly path: string
  /** Layers. */
  readonly done: number
  readonly total: number
  /** At the pace of the layers that are done. */
  readonly secondsLeft: number
}

/** What was done: paths of layers. */
export interface ReplacedLoftq {
  readonly replaced: readonly string[]
  /** Those that the callback did not want. */
  readonly kept: readonly string[]
}

/** The rules of `ReplaceLoftqOptions`. */
export const replaceLoftqRules: OptionRules<ReplaceLoftqOptions> = {
  callback: callback(),
  onProgress: callback(),
  signal: abortSignal,
}

/**
 * The layers whose base is quantised, with their weights.
 * @throws MedAwareError `unsupported` where A and B will not do.
 */
export function quantisedLayers(who: string, { layers, name }: Adapter) {
  const found = [...layers].flatMap(([path, layer]) => {
    const part = layer.adapter(name)
    const { weight, bias = null } = layer.baseWeights
    if (!(part instanceof LoraLinear || part instanceof DoraLinear) || !(weight instanceof StoredMatrix)) return []
    check(!isOverRest(part), 'unsupported', () => {
      return `${who}: the adapter ${show(name)} started from the base's weights and goes without that part of them; attach one with initLoraWeights true`
    })
    const base = new Linear(weight, bias !== null && !(bias instanceof StoredMatrix) ? bias : null)
    return [{ path, part, weight, base }]
  })
  check(found.length > 0, 'unsupported', () => {
    return `${who}: the adapter ${show(name)} is LoRA on no quantised layer; load the base with quantize, or begin with startLora and initLoraWeights "loftq"`
  })
  return found
}

/**
 * Gives an adapter the factors whose update is nearest to what each layer's weight lost when it was quantised.
 * @param read The weight as it was, f32.
 */
export async function replaceLoftq(
  who: string,
  adapter: Adapter,
  read: (path: string, shape: Shape) => Promise<Float32Array>,
  { callback: wanted, onProgress, signal }: ReplaceLoftqOptions,
): Promise<ReplacedLoftq> {
  const layers = quantisedLayers(who, adapter)
  const [replaced, kept]: [string[], string[]] = [[], []]
  const undo: (() => void)[] = []
  const begin = performance.now()
  try {
    for (const [index, { path, part, weight, base }] of layers.entries()) {
      signal?.throwIfAborted()
      const { 'lora_A.weight': a, 'lora_B.weight': b } = part.factors
      const [rows = 0, columns = 0] = weight.shape
      checkStart(who, path, { rank: a.rows, most: Math.min(rows, columns), scaling: part.scaling })
      const values = await read(path, weight.shape)
      const made = await lostFactors({ values, rows, columns }, weight, a.rows, part.scaling)
      adapter.checkUnmerged(who)
      const restore = await memento(Object.values(part.factors))
      undo.push(restore)
      a.write(made.a)
      b.write(made.b)
      // PEFT leaves the lengths of the rounded rows.
      if (part instanceof DoraLinear) part.startMagnitude(base)
      const isWanted = (await wanted?.(adapter.model, path)) ?? true
      if (!isWanted) restore()
      ;(isWanted ? replaced : kept).push(path)
      const done = index + 1
      const secondsLeft = (((performance.now() - begin) / 1000) * (layers.length - done)) / done
      onProgress?.({ path, done, total: layers.length, secondsLeft })
    }
    if (replaced.length > 0) await noteStart(adapter)
  } catch (error) {
    for (const restore of undo) restore()
    throw error
  }
  return { replaced, kept }
}

function checkStart(
  who: string,
  path: string,
  { rank, most, scaling }: { readonly rank: number; readonly most: number; readonly scaling: number },
): void {
  check(rank <= most, 'config', () => `${who}: ${path} has ${most} singular values, which r ${rank} exceeds`)
  check(scaling > 0, 'config', () => `${who}: the scaling of ${path} is ${scaling}; loraAlpha must be above 0`)
}

/** Puts tensors back to what they are now. */
async function memento(tensors: readonly (Tensor | undefined)[]): Promise<() => void> {
  const were: { readonly tensor: Tensor; readonly values: Float32Array }[] = []
  for (const tensor of tensors) if (tensor !== undefined) were.push({ tensor, values: await tensor.read() })
  return () => {
    for (const { tensor, values } of were) tensor.write(values)
  }
}
