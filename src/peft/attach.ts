import { check } from '../core/errors.ts'
import { flag, type OptionRules, readArgument, readOptions, whole, withMethods } from '../core/options.ts'
import { Random } from '../core/random.ts'
import type { Shape } from '../core/shape.ts'
import { type Device, deviceRule } from '../device/device.ts'
import { packedZeros } from '../tensor/packed.ts'
import { copyOf, type Tensor } from '../tensor/tensor.ts'
import { defaultName, type Factors, isAdapted, nameInKey } from './layers/adapted-layer.ts'
import { type Adaptable, adaptableRule, checkDevice, deviceOf } from './adaptable.ts'
import type { AdapterMethod, Place, PlaceOptions } from './adapter-method.ts'
import { Adapter, keyPrefix } from './adapter.ts'
import type { AdapterConfig } from './config/config-fields.ts'
import type { LoraConfig } from './lora/lora-config.ts'
import { lora } from './lora/lora.ts'
import { type ConfigOf, type KnownType, methodOf } from './methods.ts'

export type { Adapter }

/** Where an adapter lives and how it starts. */
export interface AttachOptions {
  /** The model's device, which it knows by itself. */
  readonly device?: Device
  /** Seed of the weights that start at random. Default 0. */
  readonly seed?: number
  /** Pass over names, layers and patterns that match no module, as PEFT does, while others match. Default false. */
  readonly isPartialOk?: boolean
}

const rules: OptionRules<AttachOptions> = { device: deviceRule, seed: whole(), isPartialOk: flag }

/**
 * A config for a method of this library, or for one that was registered. Fields that are not given have PEFT's
 * defaults.
 */
export type GivenConfig<T extends KnownType> = { readonly peftType: T } & Partial<ConfigOf<T>>

/**
 * Puts an adapter on a model, by the method that `config.peftType` names, and freezes the rest of the model; then only
 * the adapter is trained. It is PEFT's get_peft_model. The adapter belongs to no scope: `detach` or `merge` frees it.
 * On failure the model is as before.
 * @throws MedAwareError `unsupported` for another method; `config` and `unsupported` for a bad config, or bad options;
 * `not-found` where not all that is named matches, with the names that would; `unsupported` where a match is no linear
 * layer, with what it is; `config` where the model is adapted already, or on another device; `memory`.
 */
export function attachAdapter<T extends KnownType>(
  model: Adaptable,
  config: GivenConfig<T>,
  options?: AttachOptions,
): Adapter<ConfigOf<T>>
export function attachAdapter(
  model: Adaptable,
  config: { readonly peftType: string; readonly [field: string]: unknown },
  options?: AttachOptions,
): Adapter
export function attachAdapter(model: Adaptable, config: { peftType: string }, options: AttachOptions = {}): Adapter {
  const { peftType } = readArgument('attachAdapter', 'config', config, aConfig)
  return attachBy(methodOf('attachAdapter', peftType), 'attachAdapter', model, config, options)
}

const aConfig = withMethods<{ peftType: string }>("a config such as { peftType: 'IA3' }", [])

/**
 * Puts LoRA on a model: `attachAdapter` for `{ peftType: 'LORA', …config }`. @throws MedAwareError as `attachAdapter`.
 */
export function attachLora(
  model: Adaptable,
  config: Partial<LoraConfig>,
  options: AttachOptions = {},
): Adapter<LoraConfig> {
  return attachBy(lora, 'attachLora', model, config, options)
}

function attachBy<C extends AdapterConfig>(
  method: AdapterMethod<C>,
  who: string,
  model: Adaptable,
  config: object,
  options: AttachOptions,
): Adapter<C> {
  readArgument(who, 'model', model, adaptableRule)
  const { device, seed = 0, isPartialOk = false } = readOptions(who, options, rules)
  checkDevice(who, model, device)
  const full = method.fields.read(config, who, model)
  return attach(planAdapter(method, model, full, { who, isPartialOk }), seed)
}

/** A config for planning: of any method, of LoRA where it has no peftType. */
export type PlannedAdapter = Partial<LoraConfig> | { readonly peftType: string; readonly [field: string]: unknown }

/**
 * Puts an adapter on a model without starting its weights, which are 0: for counting and planning, also by a saved
 * config.
 * @throws MedAwareError as `attachAdapter`.
 */
export function attachUnstarted(model: Adaptable, config: PlannedAdapter, who: string): Adapter {
  const method = methodOf(who, config.peftType ?? 'LORA')
  const full = method.fields.read(config, who, model, true)
  return attach(planAdapter(method, model, full, { who, isPartialOk: false }), null)
}

/** An adapter that is about to be attached: nothing is allocated yet. */
export interface AdapterPlan<C extends AdapterConfig = AdapterConfig> {
  readonly method: AdapterMethod<C>
  readonly model: Adaptable
  /** With 'all-linear' spelt out and the base named. */
  readonly config: C
  readonly places: readonly Place[]
  /** Tensors of the model that are trained too, by path. */
  readonly trained: readonly (readonly [path: string, tensor: Tensor])[]
  /** What its file holds, by PEFT's keys, in the model's order. */
  readonly shapes: ReadonlyMap<string, Shape>
  /**
   * The keys that have an adapter's name in them in a model's state_dict, where PEFT did not save it itself, with that.
   */
  readonly stateKeys: ReadonlyMap<string, string>
}

/** Finds what a config adapts. @throws MedAwareError as `attachAdapter`. */
export function planAdapter<C extends AdapterConfig>(
  method: AdapterMethod<C>,
  model: Adaptable,
  config: C,
  options: PlaceOptions,
): AdapterPlan<C> {
  const hasAdapter = [...model.namedModules()].some(([, module]) => isAdapted(module))
  check(!hasAdapter, 'config', () => `${options.who}: the model has an adapter already; detach or merge it first`)
  const places = method.places(model, config, options)
  const trained = method.trained?.(model, config, places) ?? []
  const spelt = method.spelt?.(config, model, places) ?? config
  const isNamed = spelt.baseModelNameOrPath !== null
  const base = isNamed ? {} : { baseModelNameOrPath: model.nameOrPath ?? null, revision: model.revision ?? null }
  const shapes = shapesOf(model, places, trained)
  const stateKeys = places.flatMap(({ path, shapes }) =>
    Object.keys(shapes).map((name) => {
      const key = `${keyPrefix}${path}.`
      return [key + name, key + nameInKey(name, defaultName)] as const
    }),
  )
  return { method, model, config: { ...spelt, ...base }, places, trained, shapes, stateKeys: new Map(stateKeys) }
}

/**
 * Puts an adapter into its model. On failure the model is as before.
 * @param seed Of what starts at random; `null` leaves all at 0, for values that are read.
 * @throws MedAwareError `memory`.
 */
export function attach<C extends AdapterConfig>(
  { method, model, config, places, trained }: AdapterPlan<C>,
  seed: number | null,
): Adapter<C> {
  const device = deviceOf(model)
  return device.memory.rooted(() =>
    device.memory.scoped((scope) => {
      const all = places.flatMap(({ shapes }) => Object.values(shapes))
      const packed = packedZeros(device, all, `${method.name} factors`)
      let used = 0
      const layers = new Map(
        places.map((place, index) => {
          const factors = named(Object.keys(place.shapes), packed.slice(used))
          used += Object.keys(place.shapes).length
          if (seed !== null) place.start(factors, Random.of(seed, index))
          return [place.path, place.adapted(defaultName, factors)]
        }),
      )
      const also = trained.map(([path, tensor]) => ({ path, tensor, before: copyOf(tensor, `${path} before`) }))
      for (const { weights } of layers.values()) for (const factor of Object.values(weights)) scope.keep(factor)
      for (const { before } of also) scope.keep(before)
      return new Adapter(model, { device, method, config, layers, trained: also })
    }),
  )
}

/** The first tensors, by the names of a place. */
function named(names: readonly string[], tensors: readonly Tensor[]): Factors {
  return Object.fromEntries(
    names.flatMap((name, i) => {
      const tensor = tensors[i]
      return tensor === undefined ? [] : [[name, tensor]]
    }),
  )
}

/** What an adapter's file holds, as `Adapter.namedTrainableParameters` will give it. */
function shapesOf(
  model: Adaptable,
  places: readonly Place[],
  trained: AdapterPlan['trained'],
): ReadonlyMap<string, Shape> {
  const byPath = new Map(places.map((place) => [place.path, place]))
  const tensors = new Map(trained)
  const shapes = new Map<string, Shape>()
  for (const [path, { weights }] of model.namedModules()) {
    const place = byPath.get(path)
    const key = path === '' ? keyPrefix : `${keyPrefix}${path}.`
    for (const [name, shape] of Object.entries(place?.shapes ?? {})) shapes.set(key + name, shape)
    for (const name of Object.keys(weights)) {
      const own = tensors.get(path === '' ? name : `${path}.${name}`)
      if (own !== undefined) shapes.set(`${key}${place === undefined ? '' : 'base_layer.'}${name}`, own.shape)
    }
  }
  return shapes
}
