import { check } from '../../core/errors.ts'
import { either, listOf, readArgument, type Rule, text, that } from '../../core/options.ts'
import type { Module } from '../../nn/module.ts'
import { adaptableRule } from '../adaptable.ts'
import { type Adapter, adapterSetOf } from '../adapter.ts'
import { baseName } from '../layers/adapted-layer.ts'
import { AdapterSet } from './adapter-set.ts'

const oneOrMore = either(text, listOf(text))
const work: Rule<() => unknown> = that('a function', (value): value is () => unknown => typeof value === 'function')

/**
 * The adapters on a model by name, in the order in which they came; PEFT's peft_config. @throws MedAwareError `config`
 * for no model.
 */
export function adaptersOf(model: Module): ReadonlyMap<string, Adapter> {
  readArgument('adaptersOf', 'model', model, adaptableRule)
  return new Map(adapterSetOf(model)?.members)
}

/** Names of the adapters that a model computes with; PEFT's active_adapters. @throws MedAwareError `config`. */
export function activeAdapters(model: Module): readonly string[] {
  readArgument('activeAdapters', 'model', model, adaptableRule)
  return adapterSetOf(model)?.active ?? []
}

/**
 * Chooses the adapters that a model computes with; PEFT's set_adapter. Updates of several add up. Those that are active
 * and trainable want gradients, nothing else of the model does.
 * @param names One name or several; none switches all off.
 * @throws MedAwareError `not-found` for a name that no adapter of the model has, with those that are there; `config`.
 */
export function setAdapter(model: Module, names: string | readonly string[]): void {
  const who = 'setAdapter'
  readArgument(who, 'model', model, adaptableRule)
  setOf(who, model).activate(who, [readArgument(who, 'names', names, oneOrMore)].flat())
}

/**
 * Does some work with the model as its base is: PEFT's disable_adapter. Afterwards, also of a promise and of work that
 * throws, the adapters compute again. As in PEFT, biases that were trained stay as they are.
 * @returns What the work gives. While a promise is under way, whoever else uses the model gets the base, too.
 * @throws MedAwareError `config` for no model or no function, and for work that gives an iterator; whatever it throws.
 */
export function disableAdapter<T>(model: Module, doWork: () => T): T {
  const who = 'disableAdapter'
  readArgument(who, 'model', model, adaptableRule)
  readArgument(who, 'work', doWork, work)
  const layers = [...(adapterSetOf(model)?.layers() ?? [])].filter(({ isEnabled }) => isEnabled)
  for (const layer of layers) layer.isEnabled = false
  return afterwards(who, doWork, () => {
    for (const layer of layers) layer.isEnabled = true
  })
}

/**
 * Does some work in which each row of a batch is computed by an adapter of its own; PEFT's adapter_names. It is for
 * looking, not for training: a gradient is refused.
 * @param names One a row: an adapter of the model, active or not, or `__base__` for none.
 * @returns What the work gives. While a promise is under way, whoever else uses the model gets these rows, too.
 * @throws MedAwareError `not-found` for a name that no adapter has; `config` for no function, for work that gives an
 * iterator, and in the work for a batch of other than so many rows; `unsupported` in the work for a gradient, and for
 * layers that cannot tell rows apart.
 */
export function withAdapterNames<T>(model: Module, names: readonly string[], doWork: () => T): T {
  const who = 'withAdapterNames'
  readArgument(who, 'model', model, adaptableRule)
  const given = readArgument(who, 'names', names, listOf(text, 1))
  readArgument(who, 'work', doWork, work)
  const set = setOf(who, model)
  set.checkUnmerged(who)
  set.check(
    who,
    given.filter((name) => name !== baseName),
  )
  const before = [...set.layers()].map((layer) => [layer, layer.rows] as const)
  // A layer that an adapter does not adapt is the base's to it.
  for (const [layer] of before) layer.rows = given.map((name) => (layer.adapters.has(name) ? name : baseName))
  return afterwards(who, doWork, () => {
    for (const [layer, rows] of before) layer.rows = rows
  })
}

/**
 * Takes an adapter off a model and frees it; PEFT's delete_adapter. @throws MedAwareError `not-found`, with the names
 * there are.
 */
export function deleteAdapter(model: Module, name: string): void {
  adapterOf('deleteAdapter', model, name).detach()
}

/** The adapter of a name. @throws MedAwareError `not-found`, with the names there are. */
export function adapterOf(who: string, model: Module, name: string): Adapter {
  readArgument(who, 'model', model, adaptableRule)
  readArgument(who, 'name', name, text)
  return (adapterSetOf(model) ?? new AdapterSet<Adapter>(model)).member(who, name)
}

/** The adapters of a model that must have one. @throws MedAwareError `not-found`. */
export function setOf(who: string, model: Module): AdapterSet<Adapter> {
  const set = adapterSetOf(model)
  check(
    set !== null,
    'not-found',
    () => `${who}: the model has no adapter; attachAdapter or openAdapter puts one on it`,
  )
  return set
}

/**
 * Does some work, and something else when it has ended. @throws MedAwareError `config` for work that goes on when
 * asked, such as a generator's: nobody hears when that ends.
 */
function afterwards<T>(who: string, doWork: () => T, restore: () => void): T {
  let result: T
  try {
    result = doWork()
    check(!isIterator(result), 'config', () => {
      return `${who}: the work gives an iterator, which would run when it is over; go through it inside, in an async function`
    })
  } catch (error) {
    restore()
    throw error
  }
  if (!(result instanceof Promise)) {
    restore()
    return result
  }
  // `T` is the promise's own type, of which `finally` gives another of the same.
  return result.finally(restore) as T
}

function isIterator(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'next' in value && typeof value.next === 'function'
}
