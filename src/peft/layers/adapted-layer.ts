import { check } from '../../core/errors.ts'
import { show, showNames } from '../../core/show.ts'
import { Module, type Weight, type Weights } from '../../nn/module.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** The name of an adapter that was given none, as in PEFT. */
export const defaultName = 'default'
/** What PEFT puts before a path in the base model. */
export const keyPrefix = 'base_model.model.'
/** What stands for no adapter in a list of one a row, as in PEFT. */
export const baseName = '__base__'

/** The tensors of an adapter at one layer, f32, by what PEFT's key says behind the layer's path: `lora_A.weight`. */
export type Factors = Readonly<Record<string, Tensor>>

/**
 * What one adapter is at one layer: its tensors, and the modules that it runs. How it computes is for its kind of layer
 * to say.
 */
export abstract class LayerAdapter<F extends Factors = Factors> {
  /** @param modules Such as a dropout, by PEFT's names. */
  constructor(
    readonly factors: F,
    readonly modules: Readonly<Record<string, Module>> = {},
  ) {}

  /** Rows of the layer's weight that it has its own in place of. Default none. */
  get replacedRows(): readonly number[] {
    return []
  }

  /**
   * What a file holds of it, by PEFT's keys behind the path, where that is not its tensors. What is made for it belongs
   * to the scope it is made in. Default: its tensors.
   */
  saved(): Factors {
    return this.factors
  }

  /** Sees that it can serve some rows of a batch alone. @throws MedAwareError `unsupported`. Default: it can. */
  checkRows(): void {}

  /** Frees what it holds on the device beside its tensors. Default: nothing. */
  free(): void {
    return
  }

  /** Frees its tensors, and whatever else it holds on the device. */
  dispose(): void {
    this.free()
    for (const factor of Object.values(this.factors)) factor.dispose()
  }

  /** In words, what its numbers come from beside its tensors: rank, scaling and the like. Checkpoints compare it. */
  abstract describe(): string
}

/**
 * A frozen layer of a model and the adapters on it, by name: some of them active, or another one for each row of a
 * batch (peft/tuners/tuners_utils.py, BaseTunerLayer). It stands in the layer's place; the layer is its `base_layer`.
 */
export abstract class AdaptedLayer<
  Base extends Module = Module,
  Part extends LayerAdapter = LayerAdapter,
> extends Module<{ readonly base_layer: Base } & Record<string, Module>, Record<string, Tensor>> {
  /** Whether `forward` asks the adapters at all; `disableAdapter` says so. */
  isEnabled = true
  /**
   * One adapter a row of the batch, `__base__` for none, instead of the active ones; `withAdapterNames` says so.
   * Without gradients.
   */
  rows: readonly string[] | null = null
  /** The layer of merged weights that computes in the place of base and adapters; `mergeAdapter` puts it here. */
  standIn: Base | null = null
  readonly #adapters = new Map<string, Part>()
  #active: readonly string[] = []

  /** The adapters by name. */
  get adapters(): ReadonlyMap<string, Part> {
    return this.#adapters
  }

  /**
   * Names of those that compute, in the order in which they do. The first that is added is active; no other is by
   * itself.
   */
  get active(): readonly string[] {
    return this.#active
  }

  /** The layer as it was. */
  get base(): Base {
    return this.modules.base_layer
  }

  /** What adapters change of it: its weights, or those that it computes with. */
  get baseWeights(): Weights {
    return this.base.weights
  }

  /**
   * The layer that computes by itself, without asking the adapters: the base, or its stand-in; `null`: they are asked.
   */
  protected get alone(): Base | null {
    return this.isEnabled ? this.standIn : this.base
  }

  /** Puts an adapter on the layer. @throws MedAwareError `config` where there is one of its name. */
  add(name: string, part: Part): this {
    check(!this.#adapters.has(name), 'config', () => `the layer has an adapter ${show(name)} already`)
    this.#adapters.set(name, part)
    for (const [key, factor] of Object.entries(part.factors)) this.weights[withName(key, name)] = factor
    // The record is the tree's: what stands in it is trained, seeded and found by its path.
    Object.assign(this.modules, Object.fromEntries(namedModules(part, name)))
    for (const module of Object.values(part.modules)) module.train(this.training)
    if (this.#adapters.size === 1) this.#active = [name]
    return this
  }

  /** Takes an adapter off; its tensors live on. @throws MedAwareError `not-found`. */
  remove(name: string): Part {
    const part = this.adapter(name)
    this.#adapters.delete(name)
    this.#active = this.#active.filter((each) => each !== name)
    for (const key of Object.keys(part.factors)) Reflect.deleteProperty(this.weights, withName(key, name))
    for (const [key] of namedModules(part, name)) Reflect.deleteProperty(this.modules, key)
    return part
  }

  /**
   * Says which adapters compute. Several add up, or whatever their methods do one after another. @throws MedAwareError
   * `not-found`.
   */
  activate(names: readonly string[]): void {
    for (const name of names) this.adapter(name)
    this.#active = [...names]
  }

  /**
   * Sees that adapters can compute together; those that are not on the layer do not matter. @throws MedAwareError
   * `unsupported`. Default: as long as no two replace the same rows.
   */
  checkTogether(names: readonly string[]): void {
    const taken = new Map<number, string>()
    for (const name of names) {
      for (const row of this.#adapters.get(name)?.replacedRows ?? []) {
        const other = taken.get(row)
        check(other === undefined, 'unsupported', () => {
          return `the adapters ${show(other)} and ${show(name)} both train token ${row}, which can be but one of theirs, as in PEFT; activate one of them`
        })
        taken.set(row, name)
      }
    }
  }

  /** Frees what adapters keep beside their tensors, and merged weights. */
  override freeKept(): void {
    for (const part of this.#adapters.values()) part.free()
    if (this.standIn !== null) for (const [now] of changedWeights(this.base, this.standIn)) now.dispose()
  }

  /** The adapter of a name. @throws MedAwareError `not-found`, with the names there are. */
  adapter(name: string): Part {
    const part = this.#adapters.get(name)
    check(part !== undefined, 'not-found', () => {
      return `the layer has no adapter ${show(name)}, but ${showNames([...this.#adapters.keys()]) || 'none'}`
    })
    return part
  }

  /** The active adapters in words. */
  describe(): string {
    const parts = this.#active.map((name) => [name, this.adapter(name).describe()] as const)
    return parts.map(([name, words]) => (name === defaultName ? words : `${name}: ${words}`)).join('; ')
  }

  /**
   * A parameter of the base with what the active adapters make of it: f32 and new, or the base's own tensor where they
   * leave it as it is. A weight in another format is not rounded to it again: that would swallow a small update.
   * @throws MedAwareError `not-found` where the base has none of that name, `unsupported` of adapters that cannot be
   * merged.
   */
  abstract mergedWeight(key: string): Tensor

  /** A layer of merged weights, to stand in this one's place. @throws MedAwareError as `mergedWeight`. */
  abstract merged(): Base

  /**
   * What an adapter adds to the base's weight, without history: f32, of its shape. @throws MedAwareError `not-found`.
   */
  abstract deltaWeight(name?: string): Tensor
}

/** Whether a module is a layer with adapters on it. */
export function isAdapted(module: Module): module is AdaptedLayer {
  return module instanceof AdaptedLayer
}

/**
 * Every module of a model with its path, as if no adapter were on it: where an adapted layer stands, the layer as it
 * was.
 */
export function* bareModules(model: Module): Generator<[path: string, module: Module]> {
  let adapted: string | null = null
  for (const [path, module] of model.namedModules()) {
    if (adapted !== null && path.startsWith(adapted)) continue
    adapted = isAdapted(module) ? `${path}.` : null
    if (isAdapted(module)) yield* module.base.namedModules(path)
    else yield [path, module]
  }
}

/** Every parameter of a model with its path, as if no adapter were on it. */
export function* bareWeights(model: Module): Generator<[path: string, weight: Weight]> {
  for (const [path, { weights }] of bareModules(model)) {
    for (const [name, weight] of Object.entries(weights)) {
      if (weight !== null) yield [path === '' ? name : `${path}.${name}`, weight]
    }
  }
}

/** PEFT's key of a tensor with its adapter's name in it: `lora_A.weight` of x is `lora_A.x.weight`. */
export function nameInKey(key: string, name: string): string {
  const [first = '', ...rest] = key.split('.')
  return [first, name, ...rest].join('.')
}

/** What a tensor or module is called on its layer: as in PEFT, but the default adapter's goes without a name. */
function withName(key: string, name: string): string {
  return name === defaultName ? key : nameInKey(key, name)
}

function namedModules(part: LayerAdapter, name: string): readonly (readonly [string, Module])[] {
  return Object.entries(part.modules).map(([key, module]) => [withName(key, name), module] as const)
}

/**
 * The parameters of a merged layer that are not the base's own, each with the one that it replaces; `null` where the
 * base has none, as a tied head.
 */
export function changedWeights(
  base: Module,
  merged: Module,
): readonly (readonly [now: Weight, before: Weight | null])[] {
  return Object.entries(merged.weights).flatMap(([key, now]) => {
    const before = base.weights[key] ?? null
    return now && before !== now ? [[now, before] as const] : []
  })
}
