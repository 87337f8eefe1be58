import type { Random } from '../core/random.ts'
import type { Shape } from '../core/shape.ts'
import type { Linear } from '../nn/linear.ts'
import type { Module } from '../nn/module.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type AdaptedLayer, type Factors, keyPrefix, type LayerAdapter } from './layers/adapted-layer.ts'
import { projectionHost } from './layers/adapted-head.ts'
import type { LinearAdapter } from './layers/adapted-linear.ts'
import type { Adaptable } from './adaptable.ts'
import type { AdapterTraining, TrainingPlan } from './adapter-training.ts'
import type { AdapterConfig, ConfigFields } from './config/config-fields.ts'
import type { TiedPair } from './targets/tied-pair.ts'

/** How an adapter finds its places. */
export interface PlaceOptions {
  /** Begins an error's sentence: the function that was called. */
  readonly who: string
  /** Pass over names, layers and patterns that match no module, as PEFT does, while others match. */
  readonly isPartialOk: boolean
  /** The keys of a file, where the config is a file's, whose tensors the places are to have. Default: of none. */
  readonly savedKeys?: readonly string[]
  /** Two tables of which the first is trained and the second follows. Default null. */
  readonly tied?: TiedPair | null
  /** Told of what is odd about a config, but no reason to refuse it. */
  readonly onWarning?: ((message: string) => void) | undefined
}

/** A place of a model that an adapter takes: nothing is allocated yet. */
export interface Place {
  /** Of the layer in the model without adapters, such as `transformer.h.0.mlp.dense_4h_to_h`. */
  readonly path: string
  /** Its f32 tensors by what PEFT's key says behind the path, in the order of PEFT's file. */
  readonly shapes: Readonly<Record<string, Shape>>
  /**
   * Other f32 tensors that PEFT's file has of the place and that say nothing new, such as a frozen table, or what a
   * tied head has of it. They are compared when a file is read, and no more. Default none.
   */
  readonly repeats?: Readonly<Record<string, Shape>>
  /** What PEFT has the tensors under. Default `base_model.model.` and the path. */
  readonly peftPath?: string
  /**
   * A tensor's key in PEFT's file. Default `base_model.model.`, the path, a dot and the name; a name that begins as
   * such a key is one.
   */
  keyOf?(name: string): string
  /**
   * What PEFT calls the tensor in a model that has the adapter. Default: the key with the adapter's name behind the
   * first part of the tensor's: `….lora_A.default.weight`.
   */
  parameterName?(name: string, adapter: string): string
  /** Fills tensors of zeros as PEFT starts them. */
  start(factors: Factors, random: Random): void
  /**
   * Puts the adapter on what stands at the place, and gives the layer that stands there then.
   * @param factors The tensors of `shapes`, and those that the method's places share.
   * @param there The layer as it was, or with other adapters on it.
   */
  adapted(name: string, factors: Factors, there: Module): AdaptedLayer
}

/** A tensor's key in PEFT's file. */
export function keyAt(place: Place, name: string): string {
  if (name.startsWith(keyPrefix)) return name
  return place.keyOf?.(name) ?? `${place.peftPath ?? keyPrefix + place.path}.${name}`
}

/** Frozen f32 tensors that all places of an adapter share, by their whole keys in PEFT's file. */
export interface SharedTensors {
  readonly shapes: Readonly<Record<string, Shape>>
  /** Whether the file has them; where it has not, `start` says what they are. */
  readonly isSaved: boolean
  /** Fills them. @param seed Of a new adapter; `null` where one is read, which has them by its config alone. */
  start(tensors: Factors, seed: number | null): void
}

/** A tensor of an adapter's file, in f32. */
export interface SavedTensor {
  readonly shape: Shape
  readonly data: Float32Array
}

/** Whether an adapter is saved to fit the base as it is: always, never, or where its start cannot be made again. */
export type AsPlain = boolean | 'auto'

/** What is saved of an adapter: its config and its tensors, by PEFT's keys. */
export interface SavedAdapter<C extends AdapterConfig = AdapterConfig> {
  readonly config: C
  readonly tensors: ReadonlyMap<string, SavedTensor>
}

/** Starts that follow from the base's weights, which must be read for that. */
export interface BaseStarts<C extends AdapterConfig> {
  /** Whether a config says so. */
  isWanted(config: C): boolean
  /**
   * Starts an adapter's layers.
   * @param seed Of what is random in it; `null` under an adapter that is read: what its start took out of the base is
   * found again, and its tensors stay as they are.
   */
  start(config: C, name: string, layers: ReadonlyMap<string, AdaptedLayer>, seed: number | null): Promise<void>
}

/** A row in the table of methods: all that the rest of the library asks of a way to adapt a model. */
export interface AdapterMethod<C extends AdapterConfig = AdapterConfig> {
  /** PEFT's name of it, as adapter_config.json has it. */
  readonly peftType: C['peftType']
  /** What it is called in prose: 'LoRA'. */
  readonly name: string
  /** The first sentence of a model card, and PEFT's tags. */
  readonly card: { readonly about: string; readonly tags: readonly string[] }
  /** Its config: read from options and files, and written. */
  readonly fields: ConfigFields<C>
  /** A config in one line, for people. */
  describe(config: C): string
  /** The places it takes, in the model's order. @throws MedAwareError as `attachAdapter`. */
  places(model: Adaptable, config: C, options: PlaceOptions): readonly Place[]
  /** What its places share. Default nothing. */
  shared?(model: Module, config: C, places: readonly Place[]): SharedTensors
  /** The config as PEFT would save it, where it names places in short, such as 'all-linear'. Default: as it is. */
  spelt?(config: C, model: Adaptable, places: readonly Place[]): C
  /** Tensors of the model that are trained and saved beside the adapter, by path, such as biases. Default none. */
  trained?(model: Module, config: C, places: readonly Place[]): readonly (readonly [path: string, tensor: Tensor])[]
  /** The config that is saved of an adapter, by what training made of its layers. Default: its config. */
  savedConfig?(config: C, layers: ReadonlyMap<string, LayerAdapter>): C
  /**
   * The config of an adapter whose tensors are weighted sums of others' (`addWeightedAdapter`). Default: the method's
   * adapters are not summed. @throws MedAwareError `config` where theirs do not fit.
   */
  summedConfig?(who: string, configs: readonly C[]): C
  /** What it does beside following gradients, by its layers' paths. Default nothing. @throws MedAwareError `config`. */
  training?(config: C, layers: ReadonlyMap<string, LayerAdapter>, plan: TrainingPlan): AdapterTraining
  /** What begins an adapter of this config, in words, where attaching alone does not. Default: it does. */
  begunBy?(config: C): string | null
  /** How its layers start from the base's weights, where a config says so. Default: none does. */
  readonly fromBase?: BaseStarts<C>
  /**
   * What goes into the file, of config and tensors. Default: they are.
   * @param asPlain Whether it is to fit the base as it is, also where the start took something out of it.
   * @throws MedAwareError `unsupported` for what a file alone does not say.
   */
  toFile?(
    saved: SavedAdapter<C>,
    name: string,
    layers: ReadonlyMap<string, AdaptedLayer>,
    asPlain: AsPlain,
  ): Promise<SavedAdapter<C>>
  /**
   * Sees that a loaded adapter of this config can be trained on. @throws MedAwareError `unsupported`. Default: it can.
   */
  checkTrainable?(config: C, who: string): void
}

/**
 * A place at a projection. `K` are the names of the adapter's tensors there, `S` of those that all its places share.
 */
export interface LinearPlace<K extends string, S extends string = never> {
  readonly path: string
  readonly layer: Linear
  readonly shapes: Readonly<Record<K, Shape>>
  /** Default none. */
  readonly shared?: readonly S[]
  /** As `Place.parameterName`. */
  readonly parameterName?: Place['parameterName']
  start(factors: Readonly<Record<K, Tensor>>, random: Random): void
  /** The adapter that has these tensors. */
  adapter(factors: Readonly<Record<K | S, Tensor>>): LinearAdapter
}

/** A place at a projection, where an `AdaptedLinear` is to stand. */
export function linearPlace<K extends string, S extends string = never>(place: LinearPlace<K, S>): Place {
  const { path, shapes, shared = [] } = place
  return {
    ...{ path, shapes },
    ...(place.parameterName && { parameterName: place.parameterName }),
    start: (factors, random) => place.start(completeFactors<K>(path, factors, Object.keys(shapes)), random),
    adapted: (name, factors, there) => {
      const layer = projectionHost(there)
      if (layer === null) throw new Error(`${path}: no linear layer`)
      const all = completeFactors<K | S>(path, factors, [...Object.keys(shapes), ...shared])
      return layer.add(name, place.adapter(all))
    },
  }
}

/** Tensors by names that must all be there. */
export function completeFactors<K extends string>(
  path: string,
  factors: Factors,
  names: readonly string[],
): Readonly<Record<K, Tensor>> {
  if (!isComplete<K>(factors, names)) throw new Error(`${path}: not all of ${names.join(', ')}`)
  return factors
}

function isComplete<K extends string>(
  factors: Factors,
  names: readonly string[],
): factors is Readonly<Record<K, Tensor>> {
  return names.every((name) => Object.hasOwn(factors, name))
}
