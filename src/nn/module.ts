import { MedAwareError } from '../core/errors.ts'
import { showNames } from '../core/show.ts'
import { isFull, type Matrix } from '../tensor/matrix.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** A parameter in any storage format. */
export type Weight = Matrix

/** Parameters by name. `null` stands for one that is absent by design, such as a bias. */
export type Weights = Readonly<Record<string, Weight | null>>

/**
 * A noun of a network: named submodules and named parameters. The names are Hugging Face's, so that a path through the
 * tree is a checkpoint's key.
 */
export abstract class Module<Children extends object = object, Own extends Weights = Weights> {
  /** Whether the last `train` or `evaluate` said to train: dropout draws only then. */
  training = false

  constructor(
    readonly modules: Children,
    readonly weights: Own,
  ) {}

  /** Every module with its path, this one first under ''. */
  *namedModules(path = ''): Generator<[path: string, module: Module]> {
    yield [path, this]
    for (const [name, child] of Object.entries(childrenOf(this))) {
      yield* child.namedModules(path === '' ? name : `${path}.${name}`)
    }
  }

  /** Every parameter with its path. */
  *namedWeights(): Generator<[path: string, weight: Weight]> {
    for (const [path, module] of this.namedModules()) {
      for (const [name, weight] of Object.entries(module.weights)) {
        if (weight !== null) yield [path === '' ? name : `${path}.${name}`, weight]
      }
    }
  }

  /** Tensors that want a gradient, in the tree's order; those without elements are none. */
  trainableParameters(): readonly Tensor[] {
    const found: Tensor[] = []
    collectTrainable(this, found)
    return found
  }

  /** Marks every f32 tensor as trainable or frozen; those in other formats stay frozen. */
  setRequiresGrad(wanted: boolean): this {
    for (const [, weight] of this.namedWeights()) if (isFull(weight)) weight.requiresGrad = wanted
    return this
  }

  /** Turns training behaviour (dropout) on or off in the whole tree. */
  train(training = true): this {
    for (const [, module] of this.namedModules()) module.training = training
    return this
  }

  /** Puts another module at `path`. @throws MedAwareError `not-found`. */
  replace(path: string, module: Module): void {
    const names = path.split('.')
    const last = names.pop() ?? ''
    const parent = names.reduce<Module>((module, name) => childOf(module, name, path), this)
    childOf(parent, last, path)
    childrenOf(parent)[last] = module
  }

  /** Frees every parameter, and what modules keep beside theirs. */
  dispose(): void {
    for (const [, weight] of this.namedWeights()) weight.dispose()
    for (const [, module] of this.namedModules()) module.freeKept()
  }

  /** Frees what the module alone keeps on the device beside its parameters. Default: nothing. */
  freeKept(): void {
    return
  }
}

/** Modules in a row, under the names 0, 1, 2, … */
export class ModuleList<M extends Module> extends Module<Record<string, M>> {
  constructor(items: readonly M[]) {
    super(Object.fromEntries(items.map((item, i) => [String(i), item])), {})
  }

  /** As many as are wanted, each made of its place. */
  static of<M extends Module>(length: number, make: (index: number) => M): ModuleList<M> {
    return new ModuleList(Array.from({ length }, (_, i) => make(i)))
  }

  /** The modules in order. */
  [Symbol.iterator](): Iterator<M> {
    return Object.values(this.modules)[Symbol.iterator]()
  }
}

/** Submodules without their static names: a subclass declares `modules` as a record of modules. */
function childrenOf(module: Module): Record<string, Module> {
  return module.modules as Record<string, Module>
}

/** Without paths, which every step would make in vain. */
function collectTrainable(module: Module, found: Tensor[]): void {
  for (const weight of Object.values(module.weights)) {
    if (weight !== null && isFull(weight) && weight.requiresGrad && weight.count > 0) found.push(weight)
  }
  for (const child of Object.values(childrenOf(module))) collectTrainable(child, found)
}

function childOf(parent: Module, name: string, path: string): Module {
  const children = childrenOf(parent)
  const child = Object.hasOwn(children, name) ? children[name] : undefined
  if (child === undefined) {
    const there = showNames(Object.keys(children))
    throw new MedAwareError(
      'not-found',
      `replace: no module "${path}"; where "${name}" should be there are ${there || 'none'}`,
    )
  }
  return child
}
