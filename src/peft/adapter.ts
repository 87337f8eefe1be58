import { check } from '../core/errors.ts'
import { flag, readArgument } from '../core/options.ts'
import { showNames } from '../core/show.ts'
import type { Device } from '../device/device.ts'
import type { Module } from '../nn/module.ts'
import { dequantize } from '../ops/dequantize.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type AdapterMethod, keyAt, type Place } from './adapter-method.ts'
import type { AdapterTraining, TrainingPlan } from './adapter-training.ts'
import type { AdapterConfig } from './config/config-fields.ts'
import { type AdaptedLayer, changedWeights, type Factors, type LayerAdapter } from './layers/adapted-layer.ts'
import { baseTable } from './targets/saved-tables.ts'
import { AdapterSet } from './several/adapter-set.ts'

/** What an adapter is made of. */
export interface AdapterParts<C extends AdapterConfig> {
  readonly name: string
  readonly device: Device
  readonly method: AdapterMethod<C>
  /** With 'all-linear' spelt out. */
  readonly config: C
  /** Its places, each with the layer that has the adapter on it and is to stand there. */
  readonly placed: readonly { readonly place: Place; readonly layer: AdaptedLayer }[]
  /** What its places share, and whether a file has that too. */
  readonly shared: { readonly tensors: Factors; readonly isSaved: boolean }
  /** The model's tensors that are trained too, such as biases, by PEFT's keys, and copies to put back. */
  readonly trained: readonly { readonly key: string; readonly tensor: Tensor; readonly before: Tensor }[]
  /** PEFT's keys of all that is trained, in the model's order. */
  readonly keys: readonly string[]
}

const sets = new WeakMap<Module, AdapterSet<Adapter>>()

/** The adapters on a model; `null` where there is none. */
export function adapterSetOf(model: Module): AdapterSet<Adapter> | null {
  return sets.get(model) ?? null
}

/** One adapter on a model, made by `attachAdapter`, `attachLora` or `openAdapter`. */
export class Adapter<C extends AdapterConfig = AdapterConfig> {
  /** Among the adapters of its model. */
  readonly name: string
  readonly device: Device
  readonly method: AdapterMethod<C>
  /** The adapted layers by their path. Other adapters of the model may be on them too. */
  readonly layers: ReadonlyMap<string, AdaptedLayer>
  #parts: AdapterParts<C>
  /** What is trained, by PEFT's keys. */
  readonly #trained: ReadonlyMap<string, Tensor>
  #isTrainable = true
  /** What took it off its model, if anything has. */
  #left: 'detached' | 'merged' | null = null

  /** Puts the layers into the model and freezes all else; allocates nothing. */
  constructor(
    readonly model: Module,
    parts: AdapterParts<C>,
  ) {
    const { name, device, method, placed, trained, keys } = parts
    this.name = name
    this.device = device
    this.method = method
    this.#parts = parts
    this.layers = new Map(placed.map(({ place, layer }) => [place.path, layer]))
    const tensors = new Map<string, Tensor>(trained.map(({ key, tensor }) => [key, tensor]))
    for (const { place } of placed) {
      for (const [key, tensor] of Object.entries(this.#partAt(place).factors)) tensors.set(keyAt(place, key), tensor)
    }
    this.#trained = new Map(
      keys.flatMap((key) => {
        const tensor = tensors.get(key)
        return tensor === undefined ? [] : [[key, tensor] as const]
      }),
    )
    const set = sets.get(model) ?? new AdapterSet<Adapter>(model)
    sets.set(model, set)
    for (const [path, layer] of this.layers) model.replace(path, layer.train(layer.base.training))
    set.add(this)
  }

  /** With 'all-linear' spelt out. */
  get config(): C {
    return this.#parts.config
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
   * What its file holds, by PEFT's keys: what is trained, or what the method makes of that, and what it shares. What is
   * made for it belongs to the scope it is made in.
   */
  namedSavedTensors(): ReadonlyMap<string, Tensor> {
    const { placed, shared, trained } = this.#parts
    const tensors = new Map<string, Tensor>(trained.map(({ key, tensor }) => [key, tensor]))
    for (const { place, layer } of placed) {
      for (const [key, tensor] of Object.entries(this.#partAt(place).saved())) tensors.set(keyAt(place, key), tensor)
      const table = layer.baseWeights['weight'] ?? null
      for (const name of Object.keys(place.repeats ?? {})) {
        if (name.endsWith(baseTable) && table !== null) tensors.set(keyAt(place, name), dequantize(table))
      }
    }
    const keys = new Set([...this.#trained.keys(), ...tensors.keys()])
    const inOrder = [...keys].flatMap((key) => {
      const tensor = tensors.get(key)
      return tensor === undefined ? [] : [[key, tensor] as const]
    })
    return new Map([...inOrder, ...(shared.isSaved ? Object.entries(shared.tensors) : [])])
  }

  /** The config that is saved of it. */
  get savedConfig(): C {
    const { config } = this.#parts
    return this.method.savedConfig?.(config, this.#layerAdapters()) ?? config
  }

  /**
   * What the method does in a training beside following gradients, such as AdaLoRA's choice of ranks; `null` for
   * nothing. A run calls it; who trains in a loop of their own does so too, and disposes of it.
   * @throws MedAwareError `config` after `detach` or `merge`, or for steps that the config does not fit; `memory`.
   */
  training(plan: TrainingPlan): AdapterTraining | null {
    this.checkAttached(plan.who)
    return this.method.training?.(this.#parts.config, this.#layerAdapters(), plan) ?? null
  }

  /** Its own tensors that a file may hold: what is trained, and what its places share where that is saved. */
  namedTensors(): ReadonlyMap<string, Tensor> {
    const { isSaved, tensors } = this.#parts.shared
    return new Map([...this.#trained, ...(isSaved ? Object.entries(tensors) : [])])
  }

  /** Whether it trains tensors of the base itself, such as biases. */
  get trainsBase(): boolean {
    return this.#parts.trained.length > 0
  }

  /** Whether its model computes with it. */
  get isActive(): boolean {
    return this.#left === null && (sets.get(this.model)?.active.includes(this.name) ?? false)
  }

  /** Whether training may change it while it is active. */
  get isTrainable(): boolean {
    return this.#isTrainable
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

  /** The same, and that no adapter is merged into the model. @throws MedAwareError `config`. */
  checkUnmerged(who: string): void {
    this.checkAttached(who)
    this.#set.checkUnmerged(who)
  }

  /**
   * Whether training may change the adapter while it is active; the base is frozen either way.
   * @throws MedAwareError `config` after `detach` or `merge`, or for anything but true and false.
   */
  setRequiresGrad(isTrainable: boolean): void {
    this.checkAttached('setRequiresGrad')
    this.#isTrainable = readArgument('setRequiresGrad', '', isTrainable, flag)
    this.#set.refresh()
  }

  /**
   * Whether the model computes with the adapter, beside those that are active, or without it. As in PEFT, biases that
   * were trained stay as they are.
   * @throws MedAwareError `config` after `detach` or `merge`, or for anything but true and false.
   */
  setEnabled(isEnabled: boolean): void {
    this.checkAttached('setEnabled')
    readArgument('setEnabled', '', isEnabled, flag)
    const others = this.#set.active.filter((name) => name !== this.name)
    this.#set.activate('setEnabled', isEnabled ? [...others, this.name] : others)
  }

  /**
   * Takes the adapter off and frees it: PEFT's delete_adapter. Without the last one the model, biases included, is as
   * before.
   * @throws MedAwareError `config` the second time, and while it is merged into the layers it is on.
   */
  detach(): void {
    this.checkUnmerged('detach')
    for (const { tensor, before } of this.#parts.trained) tensor.device.copy(before, tensor)
    this.release('detached')
    for (const [path, layer] of this.layers) {
      if (layer.adapters.size === 0) this.model.replace(path, layer.base.train(layer.training))
    }
  }

  /**
   * Replaces each adapted layer by a plain one in f32 with the update in its weight, and frees the adapter and the
   * weights replaced. Until all are made, the old weights stay: a failure leaves the model as it was.
   * @throws MedAwareError `config` after `detach` or `merge`, while it is switched off and where other adapters are on
   * the model, `memory` where f32 weights do not fit.
   */
  merge(): void {
    this.checkUnmerged('merge')
    check(this.isActive, 'config', () => {
      return 'merge: the adapter is switched off, so the model would compute otherwise; call setEnabled(true), or detach it'
    })
    const others = [...this.#set.members.keys()].filter((name) => name !== this.name)
    check(others.length === 0, 'config', () => {
      return `merge: there are other adapters on the model, ${showNames(others)}; detach them first, or call mergeAndUnload`
    })
    const { memory } = this.device
    const merged = memory.rooted(() =>
      memory.scoped((scope) => {
        const made = [...this.layers].map(([path, layer]) => ({ path, layer, module: layer.merged() }))
        const changed = made.flatMap(({ layer, module }) => changedWeights(layer.base, module))
        for (const [{ tensors }] of changed) for (const tensor of tensors) scope.keep(tensor)
        return made
      }),
    )
    for (const { layer, module } of merged) layer.standIn = module
    unload(this.model)
  }

  /**
   * Computes by another config from now on, at the same places and with the same tensors: nothing is allocated for it.
   * `hotswapAdapter` sees that they fit.
   */
  swap(config: C, places: readonly Place[]): void {
    const { placed, shared } = this.#parts
    const byPath = new Map(places.map((place) => [place.path, place]))
    const swapped = placed.map(({ place: before, layer }) => {
      const place = byPath.get(before.path) ?? before
      const part = layer.remove(this.name)
      part.free()
      return { place, layer: place.adapted(this.name, { ...part.factors, ...shared.tensors }, layer) }
    })
    this.#parts = { ...this.#parts, config, placed: swapped }
    this.#set.refresh()
  }

  /** Frees what it holds, its parts on their layers as well; it is over. @param why What took it off. */
  release(why: 'detached' | 'merged'): void {
    this.#left = why
    for (const layer of new Set(this.layers.values())) layer.remove(this.name).dispose()
    for (const { before } of this.#parts.trained) before.dispose()
    for (const tensor of Object.values(this.#parts.shared.tensors)) tensor.dispose()
    const set = this.#set
    set.remove(this.name)
    if (set.members.size === 0) sets.delete(this.model)
  }

  get #set(): AdapterSet<Adapter> {
    return sets.get(this.model) ?? new AdapterSet<Adapter>(this.model)
  }

  #layerAdapters(): ReadonlyMap<string, LayerAdapter> {
    return new Map(this.#parts.placed.map(({ place }) => [place.path, this.#partAt(place)]))
  }

  #partAt({ path }: Place): LayerAdapter {
    const layer = this.layers.get(path)
    if (layer === undefined) throw new Error(`${this.name}: no layer ${path}`)
    return layer.adapter(this.name)
  }
}

/**
 * Leaves a model with what stands in for its adapted layers, or with the layers as they were; frees all adapters, and
 * the weights that were replaced.
 */
export function unload(model: Module): void {
  const set = sets.get(model)
  if (set === undefined) return
  const layers = new Map([...set.members.values()].flatMap((adapter) => [...adapter.layers]))
  for (const [path, { base, standIn, training }] of layers) {
    model.replace(path, (standIn ?? base).train(training))
    if (standIn !== null) for (const [, before] of changedWeights(base, standIn)) before?.dispose()
  }
  for (const adapter of [...set.members.values()]) adapter.release('merged')
}
