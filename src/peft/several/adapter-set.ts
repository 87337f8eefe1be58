import { check } from '../../core/errors.ts'
import { show, showNames } from '../../core/show.ts'
import type { Module } from '../../nn/module.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { AdaptedLayer } from '../layers/adapted-layer.ts'

/** An adapter, as far as the others on its model must know it. */
export interface SetMember {
  readonly name: string
  /** The adapted layers by their path; other adapters may be on them as well. */
  readonly layers: ReadonlyMap<string, AdaptedLayer>
  /** Whether training may change it while it is active. */
  readonly isTrainable: boolean
  /** What is trained, by PEFT's keys. */
  namedTrainableParameters(): ReadonlyMap<string, Tensor>
}

/**
 * The adapters on one model, and which of them compute. Those that are active and trainable are all of the model that
 * wants gradients.
 */
export class AdapterSet<A extends SetMember> {
  readonly #members = new Map<string, A>()
  readonly #wasTrainable: readonly Tensor[]
  #active: readonly string[] = []
  #isMerged = false

  constructor(readonly model: Module) {
    this.#wasTrainable = model.trainableParameters()
  }

  /** By name, in the order in which they came. */
  get members(): ReadonlyMap<string, A> {
    return this.#members
  }

  /** Names of those that compute, in the order in which they do. */
  get active(): readonly string[] {
    return this.#active
  }

  /** Whether the active ones are merged for a while: then nothing of them is trained, and the choice stands. */
  get isMerged(): boolean {
    return this.#isMerged
  }

  set isMerged(isMerged: boolean) {
    this.#isMerged = isMerged
    this.refresh()
  }

  /** Sees that no adapter is merged. @throws MedAwareError `config`. */
  checkUnmerged(who: string): void {
    check(!this.#isMerged, 'config', () => {
      return `${who}: ${showNames(this.#active)} is merged into the model; call unmergeAdapter first`
    })
  }

  /** Takes in an adapter whose layers are in the model. The first is active; no other is by itself, as in PEFT. */
  add(member: A): void {
    this.#members.set(member.name, member)
    if (this.#members.size === 1) this.#active = [member.name]
    this.refresh()
  }

  /** Lets go of an adapter whose layers are out of the model; with the last, what was trainable is so again. */
  remove(name: string): void {
    this.#members.delete(name)
    this.#active = this.#active.filter((each) => each !== name)
    this.refresh()
    if (this.#members.size === 0) for (const tensor of this.#wasTrainable) tensor.requiresGrad = true
  }

  /**
   * Says which adapters compute.
   * @throws MedAwareError `not-found`, `config` for a name that comes twice, `unsupported` for adapters that cannot be.
   */
  activate(who: string, names: readonly string[]): void {
    this.check(who, names)
    this.checkUnmerged(who)
    check(new Set(names).size === names.length, 'config', () => `${who}: a name comes twice in ${showNames(names)}`)
    for (const layer of this.layers()) layer.checkTogether(names)
    this.#active = [...names]
    this.refresh()
  }

  /** Sees that all names are of adapters of the model. @throws MedAwareError `not-found`, with the names there are. */
  check(who: string, names: readonly string[]): void {
    for (const name of names) this.member(who, name)
  }

  /** The adapter of a name. @throws MedAwareError `not-found`, with the names there are. */
  member(who: string, name: string): A {
    const member = this.#members.get(name)
    check(member !== undefined, 'not-found', () => {
      return `${who}: the model has no adapter ${show(name)}, but ${showNames([...this.#members.keys()]) || 'none'}`
    })
    return member
  }

  /** Brings layers and gradients in line with what is active and trainable. */
  refresh(): void {
    this.model.setRequiresGrad(false)
    for (const layer of this.layers()) layer.activate(this.#active.filter((name) => layer.adapters.has(name)))
    for (const name of this.#active) {
      const member = this.#members.get(name)
      if (member === undefined || !member.isTrainable || this.#isMerged) continue
      for (const tensor of member.namedTrainableParameters().values()) tensor.requiresGrad = true
    }
  }

  /** Every adapted layer, once. */
  layers(): ReadonlySet<AdaptedLayer> {
    return new Set([...this.#members.values()].flatMap(({ layers }) => [...layers.values()]))
  }
}
