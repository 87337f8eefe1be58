import { check } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import type { Device } from '../device/device.ts'
import type { Module } from '../nn/module.ts'
import { packedZeros } from '../tensor/packed.ts'
import { copyOf, Tensor } from '../tensor/tensor.ts'
import { Adapter } from './adapter.ts'
import { loraConfig, type LoraConfig } from './lora-config.ts'
import { LoraLinear, type LoraFactors } from './lora-linear.ts'
import { findTargets, spellOutTargets, type Target } from './target-matching.ts'

export type { Adapter }

/** A model that LoRA can be put into. */
export interface Adaptable extends Module {
  /** What is adapted where `targetModules` is not given, such as PEFT's choice for an architecture. Default ['query_key_value']. */
  readonly loraTargets?: readonly string[]
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

/**
 * Wraps the projections that `config` names with LoRA and freezes the rest of the model; then only the adapter is trained.
 * The adapter belongs to no scope: `detach` or `merge` frees it. On failure the model is as before.
 * @throws MedAwareError as `loraConfig` for a bad config; `not-found` where not all that is named matches, with the names
 * that would; `unsupported` where a match is no linear layer; `config` where the model is adapted already.
 */
export function attachLora(model: Adaptable, config: Partial<LoraConfig>, options: AttachOptions): Adapter {
  const { device, seed = 0, isPartialOk = false } = options
  const full = loraConfig(model.loraTargets === undefined ? config : { targetModules: model.loraTargets, ...config })
  const isAdapted = [...model.namedModules()].some(([, module]) => module instanceof LoraLinear)
  check(!isAdapted, 'config', () => 'attachLora: the model has an adapter already; detach or merge it first')
  const targets = findTargets(model, full, isPartialOk)
  const spelt = spellOutTargets(
    model,
    full,
    targets.map(({ path }) => path),
  )
  return device.memory.rooted(() =>
    device.memory.scoped((scope) => {
      const layers = makeLayers(device, targets, full, seed)
      const biases = biasesOf(model, full.bias, layers).map((bias) => ({ bias, before: copyOf(bias, 'bias before') }))
      for (const { weights } of layers.values()) for (const factor of Object.values(weights)) scope.keep(factor)
      for (const { before } of biases) scope.keep(before)
      return new Adapter(model, { device, config: spelt, layers, biases })
    }),
  )
}

function makeLayers(
  device: Device,
  targets: readonly Target[],
  config: LoraConfig,
  seed: number,
): Map<string, LoraLinear> {
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
      start({ a, b }, config.initLoraWeights, Random.of(seed, index))
      const scaling = alpha / (config.useRslora ? Math.sqrt(rank) : rank)
      return [path, new LoraLinear(layer, { a, b }, scaling, config.loraDropout)]
    }),
  )
}

/** The model's biases that a setting of `bias` trains, before the layers are put in. */
function biasesOf(
  model: Module,
  which: LoraConfig['bias'],
  layers: ReadonlyMap<string, LoraLinear>,
): readonly Tensor[] {
  const adapted = new Set([...layers.keys()].map((path) => `${path}.bias`))
  return [...model.namedWeights()].flatMap(([path, weight]) => {
    const isWanted = which === 'all' ? /(^|\.)bias$/.test(path) : which === 'lora_only' && adapted.has(path)
    return isWanted && weight instanceof Tensor ? [weight] : []
  })
}

/** Fills factors of zeros as PEFT starts A and B (tuners/lora/layer.py, reset_lora_parameters). */
function start({ a, b }: LoraFactors, init: LoraConfig['initLoraWeights'], random: Random): void {
  const draw = (factor: Tensor, next: () => number) => factor.write(Float32Array.from({ length: factor.count }, next))
  const uniform = (fanIn: number) => () => (2 * random.uniform() - 1) / Math.sqrt(fanIn)
  draw(a, init === 'gaussian' ? () => random.normal() / a.rows : uniform(a.columns))
  if (init === false) draw(b, uniform(b.columns))
}
