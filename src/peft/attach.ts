import { check } from '../core/errors.ts'
import { callback, flag, type OptionRules, readArgument, readOptions, whole, withMethods } from '../core/options.ts'
import { Random } from '../core/random.ts'
import type { Shape } from '../core/shape.ts'
import { type Device, deviceRule } from '../device/device.ts'
import { packedZeros } from '../tensor/packed.ts'
import { copyOf, type Tensor } from '../tensor/tensor.ts'
import { type Adaptable, adaptableRule, checkDevice, deviceOf } from './adaptable.ts'
import { type AdapterPlan, nameRule, planAdapter } from './adapter-plan.ts'
import type { AdapterMethod, Place } from './adapter-method.ts'
import { Adapter } from './adapter.ts'
import { noteBeginning } from './as-started.ts'
import type { AdapterConfig } from './config/config-fields.ts'
import type { AdaptedLayer, Factors } from './layers/adapted-layer.ts'
import type { LoraConfig } from './lora/lora-config.ts'
import { lora } from './lora/lora.ts'
import { type ConfigOf, type KnownType, methodOf } from './methods.ts'

export type { Adapter }

/** Where an adapter lives and how it starts. */
export interface AttachOptions {
  /** The model's device, which it knows by itself. */
  readonly device?: Device
  /** What the adapter is called among those of its model. Default 'default', as in PEFT. */
  readonly name?: string
  /** Seed of the weights that start at random. Default 0. */
  readonly seed?: number
  /** Pass over names, layers and patterns that match no module, as PEFT does, while others match. Default false. */
  readonly isPartialOk?: boolean
  /**
   * Told of what is odd about the config, but no reason to refuse it: tied tables that drift apart, names passed over.
   */
  readonly onWarning?: (message: string) => void
}

/** The rules of `AttachOptions`. */
export const attachRules: OptionRules<AttachOptions> = {
  device: deviceRule,
  name: nameRule,
  seed: whole(),
  isPartialOk: flag,
  onWarning: callback(),
}

/**
 * A config for a method of this library, or for one that was registered. Fields that are not given have PEFT's
 * defaults.
 */
export type GivenConfig<T extends KnownType> = { readonly peftType: T } & Partial<ConfigOf<T>>

/**
 * Puts an adapter on a model, by the method that `config.peftType` names, and freezes the rest of the model; then only
 * the adapter is trained. It is PEFT's get_peft_model, and add_adapter where the model has adapters of other names
 * already: those that were active stay so, and `setAdapter` chooses. The adapter belongs to no scope: `detach` or
 * `merge` frees it. On failure the model is as before.
 * @throws MedAwareError `unsupported` for another method; `config` and `unsupported` for a bad config, or bad options;
 * `not-found` where not all that is named matches, with the names that would; `unsupported` where a match is no linear
 * layer, with what it is; `config` where the model has an adapter of this name, or is on another device; `memory`.
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
  const { device, name, seed = 0, isPartialOk = false, onWarning } = readOptions(who, options, attachRules)
  checkDevice(who, model, device)
  const full = method.fields.read(config, who, model)
  check(method.fromBase?.isWanted(full) !== true, 'config', () => {
    return `${who}: this start reads the base's weights, which takes its time; await startLora(model, config) instead`
  })
  const another = method.begunBy?.(full) ?? null
  check(another === null, 'config', () => `${who}: ${another ?? ''}`)
  const told = { who, isPartialOk, onWarning, ...(name !== undefined && { name }) }
  return attach(planAdapter(method, model, full, told), seed)
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

/**
 * Puts an adapter into its model. On failure the model is as before.
 * @param seed Of what starts at random; `null` leaves all at 0, for values that are read.
 * @throws MedAwareError `memory`.
 */
export function attach<C extends AdapterConfig>(plan: AdapterPlan<C>, seed: number | null): Adapter<C> {
  const { method, model, config, name, places, shared, trained } = plan
  const device = deviceOf(model)
  return device.memory.rooted(() =>
    device.memory.scoped((scope) => {
      const factors = packed(device, places, `${method.name} factors`)
      const [common = {}] = packed(device, shared === null ? [] : [shared], `${method.name}, shared`)
      const also = trained.map(([key, tensor]) => ({ key, tensor, before: copyOf(tensor, `${key} before`) }))
      if (seed !== null) for (const [i, place] of places.entries()) place.start(factors[i] ?? {}, Random.of(seed, i))
      shared?.start(common, seed)
      const placed = placedAll(model, name, places, (i) => ({ ...factors[i], ...common }))
      for (const tensors of [...factors, common]) for (const tensor of Object.values(tensors)) scope.keep(tensor)
      for (const { before } of also) scope.keep(before)
      const isSaved = shared?.isSaved ?? false
      const parts = { name, device, method, config, placed, trained: also, keys: [...plan.shapes.keys()] }
      const adapter = new Adapter(model, { ...parts, shared: { tensors: common, isSaved } })
      if (seed !== null) noteBeginning(adapter, { plan, seed, trained: also })
      return adapter
    }),
  )
}

/** Puts an adapter on the layers at its places, or on none. */
function placedAll(model: Adaptable, name: string, places: readonly Place[], factorsOf: (i: number) => Factors) {
  const standing = new Map(model.namedModules())
  const placed: { place: Place; layer: AdaptedLayer }[] = []
  try {
    for (const [i, place] of places.entries()) {
      const there = standing.get(place.path)
      if (there === undefined) throw new Error(`${place.path}: no module`)
      placed.push({ place, layer: place.adapted(name, factorsOf(i), there) })
    }
    return placed
  } catch (error) {
    for (const { layer } of placed) layer.remove(name).free()
    throw error
  }
}

/** Zeros of all shapes, side by side, by the names of each. */
function packed(
  device: Device,
  all: readonly { readonly shapes: Readonly<Record<string, Shape>> }[],
  label: string,
): readonly Record<string, Tensor>[] {
  const tensors = packedZeros(
    device,
    all.flatMap(({ shapes }) => Object.values(shapes)),
    label,
  )
  let at = 0
  return all.map(({ shapes }) => {
    const names = Object.keys(shapes)
    const own = tensors.slice(at, (at += names.length))
    return Object.fromEntries(own.map((tensor, i) => [names[i] ?? '', tensor]))
  })
}
