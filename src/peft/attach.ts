import { check } from '../core/errors.ts'
import { flag, type OptionRules, readArgument, readOptions, whole, withMethods } from '../core/options.ts'
import { Random } from '../core/random.ts'
import type { Shape } from '../core/shape.ts'
import { type Device, deviceRule } from '../device/device.ts'
import type { Module } from '../nn/module.ts'
import { packedZeros } from '../tensor/packed.ts'
import { copyOf, Tensor } from '../tensor/tensor.ts'
import { Adapter, keyPrefix } from './adapter.ts'
import { loraConfig, type LoraConfig } from './lora-config.ts'
import { type AdaptedLayer, defaultName, isAdapted } from './adapted-layer.ts'
import { AdaptedLinear } from './adapted-linear.ts'
import { LoraLinear, type LoraFactors } from './lora-linear.ts'
import { findTargets, spellOutTargets, type Target } from './target-matching.ts'

export type { Adapter }

/** A model that LoRA can be put into. */
export interface Adaptable extends Module {
  /** What is adapted where `targetModules` is not given, such as PEFT's choice for an architecture. Default ['query_key_value']. */
  readonly loraTargets?: readonly string[]
  /** Where it came from, which its adapters name as their base: a repository's name or a path. */
  readonly nameOrPath?: string | null
  /** The revision it was loaded at, where it was told one. */
  readonly revision?: string | null
}

/** Where an adapter lives and how it starts. */
export interface AttachOptions {
  /** The model's device. */
  readonly device: Device
  /** Seed of the weights that start at random. Default 0. */
  readonly seed?: number
  /** Pass over names, layers and patterns that match no module, as PEFT does, while others match. Default false. */
  readonly isPartialOk?: boolean
}

const rules: OptionRules<AttachOptions> = { device: deviceRule, seed: whole(), isPartialOk: flag }

export const adaptableRule = withMethods<Adaptable>("a model, such as loadModel's", [
  'namedModules',
  'namedWeights',
  'replace',
])

/**
 * Wraps the projections that `config` names with LoRA and freezes the rest of the model; then only the adapter is trained.
 * The adapter belongs to no scope: `detach` or `merge` frees it. On failure the model is as before.
 * @throws MedAwareError `config` and `unsupported` for a bad config, as `loraConfig`, or bad options; `not-found` where not all
 * that is named matches, with the names that would; `unsupported` where a match is no linear layer, with what it is; `config`
 * where the model is adapted already; `memory`.
 */
export function attachLora(model: Adaptable, config: Partial<LoraConfig>, options: AttachOptions): Adapter {
  const who = 'attachLora'
  readArgument(who, 'model', model, adaptableRule)
  const { device, seed = 0, isPartialOk = false } = readOptions(who, options, rules)
  readArgument(who, 'device', device, deviceRule)
  const full = loraConfig(config, who, model.loraTargets)
  return attach(planLora(model, full, isPartialOk), device, seed)
}

/** An adapter that is about to be attached: nothing is allocated yet. */
export interface LoraPlan {
  readonly model: Adaptable
  /** With 'all-linear' spelt out and the base named. */
  readonly config: LoraConfig
  readonly targets: readonly Target[]
  /** What its file holds, by PEFT's keys, in the model's order. */
  readonly shapes: ReadonlyMap<string, Shape>
}

/** Finds what a config adapts. @throws MedAwareError as `attachLora`. */
export function planLora(model: Adaptable, config: LoraConfig, isPartialOk: boolean): LoraPlan {
  const hasAdapter = [...model.namedModules()].some(([, module]) => isAdapted(module))
  check(!hasAdapter, 'config', () => 'attachLora: the model has an adapter already; detach or merge it first')
  const targets = findTargets(model, config, isPartialOk)
  const spelt = spellOutTargets(
    model,
    config,
    targets.map(({ path }) => path),
  )
  const isNamed = spelt.baseModelNameOrPath !== null
  const base = isNamed ? {} : { baseModelNameOrPath: model.nameOrPath ?? null, revision: model.revision ?? null }
  return { model, config: { ...spelt, ...base }, targets, shapes: shapesOf(model, config.bias, targets) }
}

/**
 * Puts an adapter into its model. On failure the model is as before.
 * @param seed Of what starts at random; `null` leaves all at 0, for values that are read.
 * @throws MedAwareError `memory`.
 */
export function attach({ model, config, targets }: LoraPlan, device: Device, seed: number | null): Adapter {
  return device.memory.rooted(() =>
    device.memory.scoped((scope) => {
      const layers = makeLayers(device, targets, config, seed)
      const biases = biasesOf(model, config.bias, targets).map(([, bias]) => ({
        bias,
        before: copyOf(bias, 'bias before'),
      }))
      for (const { weights } of layers.values()) for (const factor of Object.values(weights)) scope.keep(factor)
      for (const { before } of biases) scope.keep(before)
      return new Adapter(model, { device, config, layers, biases })
    }),
  )
}

function makeLayers(
  device: Device,
  targets: readonly Target[],
  config: LoraConfig,
  seed: number | null,
): Map<string, AdaptedLayer> {
  const factors = packedZeros(
    device,
    targets.flatMap(({ layer, rank }) => [
      [rank, layer.inFeatures],
      [layer.outFeatures, rank],
    ]),
    'lora factors',
  )
  return new Map(
    targets.map(({ path, layer, rank, alpha }, index) => {
      const [a, b] = factors.slice(2 * index) as [Tensor, Tensor]
      const own = { 'lora_A.weight': a, 'lora_B.weight': b }
      if (seed !== null) start(own, config.initLoraWeights, Random.of(seed, index))
      const scaling = alpha / (config.useRslora ? Math.sqrt(rank) : rank)
      return [path, new AdaptedLinear(layer).add(defaultName, new LoraLinear(own, scaling, config.loraDropout))]
    }),
  )
}

/** The model's biases that a setting of `bias` trains, by path, before the layers are put in. */
function biasesOf(
  model: Module,
  which: LoraConfig['bias'],
  targets: readonly Target[],
): readonly (readonly [path: string, bias: Tensor])[] {
  const adapted = new Set(targets.map(({ path }) => `${path}.bias`))
  return [...model.namedWeights()].flatMap(([path, weight]) => {
    const isWanted = which === 'all' ? /(^|\.)bias$/.test(path) : which === 'lora_only' && adapted.has(path)
    return isWanted && weight instanceof Tensor ? [[path, weight] as const] : []
  })
}

/** What an adapter's file holds, as `Adapter.namedTrainableParameters` will give it. */
function shapesOf(model: Module, bias: LoraConfig['bias'], targets: readonly Target[]): ReadonlyMap<string, Shape> {
  const byPath = new Map(targets.map((target) => [target.path, target]))
  const biases = new Map(biasesOf(model, bias, targets))
  const shapes = new Map<string, Shape>()
  for (const [path] of model.namedModules()) {
    const target = byPath.get(path)
    const base = target === undefined ? '' : 'base_layer.'
    const key = path === '' ? keyPrefix : `${keyPrefix}${path}.`
    if (target !== undefined) {
      shapes.set(`${key}lora_A.weight`, [target.rank, target.layer.inFeatures])
      shapes.set(`${key}lora_B.weight`, [target.layer.outFeatures, target.rank])
    }
    const own = biases.get(path === '' ? 'bias' : `${path}.bias`)
    if (own !== undefined) shapes.set(`${key}${base}bias`, own.shape)
  }
  return shapes
}

/** Fills factors of zeros as PEFT starts A and B (tuners/lora/layer.py, reset_lora_parameters). */
function start(
  { 'lora_A.weight': a, 'lora_B.weight': b }: LoraFactors,
  init: LoraConfig['initLoraWeights'],
  random: Random,
): void {
  const draw = (factor: Tensor, next: () => number) => factor.write(Float32Array.from({ length: factor.count }, next))
  const uniform = (fanIn: number) => () => (2 * random.uniform() - 1) / Math.sqrt(fanIn)
  draw(a, init === 'gaussian' ? () => random.normal() / a.rows : uniform(a.columns))
  if (init === false) draw(b, uniform(b.columns))
}
