import { check } from '../core/errors.ts'
import { flag, readArgument } from '../core/options.ts'
import type { Device } from '../device/device.ts'
import type { Module, Weight } from '../nn/module.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { AdaptedLayer } from './layers/adapted-layer.ts'
import type { AdapterMethod } from './adapter-method.ts'
import type { AdapterConfig } from './config/config-fields.ts'

/** What PEFT puts before a path in the base model. */
export const keyPrefix = 'base_model.model.'

/** What an adapter is made of. */
export interface AdapterParts<C extends AdapterConfig> {
  readonly device: Device
  readonly method: AdapterMethod<C>
  /** With 'all-linear' spelt out. */
  readonly config: C
  /** The adapted layers by their path. */
  readonly layers: ReadonlyMap<string, AdaptedLayer>
  /** The model's tensors that are trained too, such as biases, and copies to put back. */
  readonly trained: readonly { readonly tensor: Tensor; readonly before: Tensor }[]
}

/** An adapter on a model, made by `attachAdapter`, `attachLora` or `openAdapter`. */
export class Adapter<C extends AdapterConfig = AdapterConfig> {
  readonly device: Device
  readonly method: AdapterMethod<C>
  /** With 'all-linear' spelt out. */
  readonly config: C
  /** The adapted layers by their path. */
  readonly layers: ReadonlyMap<string, AdaptedLayer>
  readonly #others: AdapterParts<C>['trained']
  /** What is trained, by PEFT's keys. */
  readonly #trained: ReadonlyMap<string, Tensor>
  readonly #wasTrainable: readonly Tensor[]
  #isEnabled = true
  /** What took it off its model, if anything has. */
  #left: 'detached' | 'merged' | null = null

  /** Puts the layers into the model and freezes all else; allocates nothing. */
  constructor(
    readonly model: Module,
    { device, method, config, layers, trained: others }: AdapterParts<C>,
  ) {
    this.device = device
    this.method = method
    this.config = config
    this.layers = layers
    this.#others = others
    this.#wasTrainable = model.trainableParameters()
    for (const [path, layer] of layers) model.replace(path, layer.train(layer.base.training))
    const factors = [...layers.values()].flatMap(({ weights }) => Object.values(weights))
    const trained = new Set<Weight>([...factors, ...others.map(({ tensor }) => tensor)])
    this.#trained = new Map(
      [...model.namedWeights()].flatMap(([path, weight]) =>
        weight instanceof Tensor && trained.has(weight) ? [[keyPrefix + path, weight] as const] : [],
      ),
    )
    this.setRequiresGrad(true)
  }

  /**
   * The tensors that are trained, in the model's order, by PEFT's keys: of LoRA
   * `base_model.model.<path>.lora_A.weight`, `….lora_B.weight` and, as `bias` says, `….base_layer.bias` of adapted
   * projections and `….bias` of others.
   */
  namedTrainableParameters(): ReadonlyMap<string, Tensor> {
    return this.#trained
  }

  /**
   * Sees that the adapter is on its model still. @param who Begins the error's sentence. @throws MedAwareError
   * `config`.
   */
  checkAttached(who: string): void {
    check(this.#left === null, 'config', () => {
      const remedy =
        this.#left === 'merged' ? 'it was merged into it; the model itself can be saved' : 'it was detached'
      return `${who}: the adapter is no longer on its model, ${remedy}`
    })
  }

  /**
   * Whether training may change the adapter; the rest of the model is frozen either way.
   * @throws MedAwareError `config` after `detach` or `merge`, or for anything but true and false.
   */
  setRequiresGrad(isTrainable: boolean): void {
    this.checkAttached('setRequiresGrad')
    readArgument('setRequiresGrad', '', isTrainable, flag)
    this.model.setRequiresGrad(false)
    for (const tensor of this.#trained.values()) tensor.requiresGrad = isTrainable
  }

  /**
   * Whether the model computes with the adapter or, for a while, as its base does; PEFT's `disable_adapter`. As there,
   * biases that were trained stay as they are.
   * @throws MedAwareError `config` after `detach` or `merge`, or for anything but true and false.
   */
  setEnabled(isEnabled: boolean): void {
    this.checkAttached('setEnabled')
    readArgument('setEnabled', '', isEnabled, flag)
    this.#isEnabled = isEnabled
    for (const layer of this.layers.values()) layer.isEnabled = isEnabled
  }

  /**
   * Takes the adapter off and frees it; the model, biases included, is as before. @throws MedAwareError `config` the
   * second time.
   */
  detach(): void {
    this.checkAttached('detach')
    this.#left = 'detached'
    for (const { tensor, before } of this.#others) tensor.device.copy(before, tensor)
    for (const [path, layer] of this.layers) this.model.replace(path, layer.base)
    this.#free()
  }

  /**
   * Replaces each adapted projection by a plain one in f32 with the update in its weight, and frees the adapter and the
   * weights replaced. Until all are made, the old weights stay: a failure leaves the model as it was.
   * @throws MedAwareError `config` after `detach` or `merge` and while it is switched off, `memory` where f32 weights
   * do not fit.
   */
  merge(): void {
    this.checkAttached('merge')
    check(this.#isEnabled, 'config', () => {
      return 'merge: the adapter is switched off, so the model would compute otherwise; call setEnabled(true), or detach it'
    })
    const { memory } = this.device
    const merged = memory.rooted(() =>
      memory.scoped((scope) => {
        const made = [...this.layers].map(([path, layer]) => ({ path, layer, module: layer.merged() }))
        for (const { layer, module } of made) for (const [now] of changes(layer.base, module)) scope.keep(now)
        return made
      }),
    )
    this.#left = 'merged'
    for (const { path, layer, module } of merged) {
      this.model.replace(path, module.train(layer.training))
      for (const [, before] of changes(layer.base, module)) before.dispose()
    }
    this.#free()
  }

  #free(): void {
    for (const { weights } of this.layers.values()) for (const factor of Object.values(weights)) factor.dispose()
    for (const { before } of this.#others) before.dispose()
    this.model.setRequiresGrad(false)
    for (const tensor of this.#wasTrainable) tensor.requiresGrad = true
  }
}

/** The parameters of a merged layer that are not the base's own, each with the one that it replaces. */
function changes(base: Module, merged: Module): readonly (readonly [now: Tensor, before: Weight])[] {
  return Object.entries(merged.weights).flatMap(([key, now]) => {
    const before = base.weights[key]
    return now instanceof Tensor && before && before !== now ? [[now, before] as const] : []
  })
}
