import type { Random } from '../core/random.ts'
import type { Shape } from '../core/shape.ts'
import type { Linear } from '../nn/linear.ts'
import type { Module } from '../nn/module.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { AdaptedLayer, Factors } from './layers/adapted-layer.ts'
import { AdaptedLinear, type LinearAdapter } from './layers/adapted-linear.ts'
import type { Adaptable } from './adaptable.ts'
import type { AdapterConfig, ConfigFields } from './config/config-fields.ts'

/** How an adapter finds its places. */
export interface PlaceOptions {
  /** Begins an error's sentence: the function that was called. */
  readonly who: string
  /** Pass over names, layers and patterns that match no module, as PEFT does, while others match. */
  readonly isPartialOk: boolean
}

/** A place of a model that an adapter takes: nothing is allocated yet. */
export interface Place {
  /** Of the layer in the model, such as `transformer.h.0.mlp.dense_4h_to_h`. */
  readonly path: string
  /** Its f32 tensors by what PEFT's key says behind the path, in the order of PEFT's file. */
  readonly shapes: Readonly<Record<string, Shape>>
  /** Fills tensors of zeros as PEFT starts them. */
  start(factors: Factors, random: Random): void
  /** Makes the layer that stands there afterwards, with the adapter on it. */
  adapted(name: string, factors: Factors): AdaptedLayer
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
  /** The config as PEFT would save it, where it names places in short, such as 'all-linear'. Default: as it is. */
  spelt?(config: C, model: Adaptable, places: readonly Place[]): C
  /** Tensors of the model that are trained and saved beside the adapter, by path, such as biases. Default none. */
  trained?(model: Module, config: C, places: readonly Place[]): readonly (readonly [path: string, tensor: Tensor])[]
  /**
   * Sees that a loaded adapter of this config can be trained on. @throws MedAwareError `unsupported`. Default: it can.
   */
  checkTrainable?(config: C, who: string): void
}

/** A place at a projection. `K` are the names of the adapter's tensors there. */
export interface LinearPlace<K extends string> {
  readonly path: string
  readonly layer: Linear
  readonly shapes: Readonly<Record<K, Shape>>
  start(factors: Readonly<Record<K, Tensor>>, random: Random): void
  /** The adapter that has these tensors. */
  adapter(factors: Readonly<Record<K, Tensor>>): LinearAdapter
}

/** A place at a projection, where an `AdaptedLinear` is to stand. */
export function linearPlace<K extends string>(place: LinearPlace<K>): Place {
  const own = (factors: Factors): Readonly<Record<K, Tensor>> => {
    const names = Object.keys(place.shapes)
    if (!isComplete<K>(factors, names)) throw new Error(`${place.path}: not all of ${names.join(', ')}`)
    return factors
  }
  return {
    path: place.path,
    shapes: place.shapes,
    start: (factors, random) => place.start(own(factors), random),
    adapted: (name, factors) => new AdaptedLinear(place.layer).add(name, place.adapter(own(factors))),
  }
}

function isComplete<K extends string>(
  factors: Factors,
  names: readonly string[],
): factors is Readonly<Record<K, Tensor>> {
  return names.every((name) => Object.hasOwn(factors, name))
}
