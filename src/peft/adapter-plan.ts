import { check } from '../core/errors.ts'
import { type Rule, that } from '../core/options.ts'
import type { Shape } from '../core/shape.ts'
import { show, showNames } from '../core/show.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Adaptable } from './adaptable.ts'
import { type AdapterMethod, keyAt, type Place, type PlaceOptions, type SharedTensors } from './adapter-method.ts'
import { adapterSetOf } from './adapter.ts'
import type { AdapterConfig } from './config/config-fields.ts'
import { withSavedTables } from './targets/saved-tables.ts'
import { checkTying, tellDrift, type Tying, withTying } from './targets/tied-tables.ts'
import { type TableFields, trainedTokenPlaces } from './targets/trained-tokens.ts'
import { savedModulePlaces } from './targets/saved-modules.ts'
import { tellNoBias, tellUnmatched } from './targets/tell-unmatched.ts'
import { baseName, bareModules, defaultName, keyPrefix, nameInKey } from './layers/adapted-layer.ts'

/** What an adapter may be called: PEFT puts the name between the dots of keys. */
export const nameRule: Rule<string> = that(
  `a name without a dot, and not "${baseName}"`,
  (value): value is string => typeof value === 'string' && value !== '' && !value.includes('.') && value !== baseName,
)

/** An adapter that is about to be attached: nothing is allocated yet. */
export interface AdapterPlan<C extends AdapterConfig = AdapterConfig> {
  readonly method: AdapterMethod<C>
  readonly model: Adaptable
  /** With 'all-linear' spelt out and the base named. */
  readonly config: C
  readonly name: string
  /** In the model's order. */
  readonly places: readonly Place[]
  readonly shared: SharedTensors | null
  /** Tensors of the model that are trained too, by PEFT's keys. */
  readonly trained: readonly (readonly [key: string, tensor: Tensor])[]
  /** What is trained, by PEFT's keys, in the model's order. */
  readonly shapes: ReadonlyMap<string, Shape>
  /** What its file holds: that, and what its places share. */
  readonly savedShapes: ReadonlyMap<string, Shape>
  /** What its file may have besides, which says nothing new. */
  readonly repeats: ReadonlyMap<string, Shape>
  /** What PEFT calls them in a model's own state_dict, by their keys in its files, where that is another name. */
  readonly parameterNames: ReadonlyMap<string, string>
}

/** How an adapter is planned. */
export interface PlanOptions extends PlaceOptions {
  /** Default 'default'. */
  readonly name?: string
  /** Whether it takes the place of the adapter that has its name. Default false. */
  readonly inPlace?: boolean
}

/** Finds what a config adapts. @throws MedAwareError as `attachAdapter`. */
export function planAdapter<C extends AdapterConfig>(
  method: AdapterMethod<C>,
  model: Adaptable,
  given: C,
  { name = defaultName, inPlace = false, ...told }: PlanOptions,
): AdapterPlan<C> {
  const { who } = told
  const names = [...(adapterSetOf(model)?.members.keys() ?? [])]
  check(inPlace || !names.includes(name), 'config', () => {
    const remedy = 'give this one another name, or detach or merge that one first'
    return `${who}: the model has an adapter ${show(name)} already; ${remedy}`
  })
  const tying = withTying(model, given, told)
  const { config, tied } = tying
  const options = { ...told, tied }
  const own = inModelOrder(model, method.places(model, config, options))
  checkTying(tying, own, who)
  tellUnmatched(model, config, own, options)
  const shared = method.shared?.(model, config, own) ?? null
  const beside = modulesBeside(model, tying, own, options)
  const also = trainedOf(method, model, config, { own, beside }, options)
  if (!inPlace) checkOneTrainsBase(who, model, also.length > 0)
  const spelt = method.spelt?.(config, model, own) ?? config
  const isNamed = spelt.baseModelNameOrPath !== null
  const base = isNamed ? {} : { baseModelNameOrPath: model.nameOrPath ?? null, revision: model.revision ?? null }
  const places = inModelOrder(model, [...withSavedTables(model, spelt, own, tied), ...beside])
  const adapted = new Set(places.map(({ path }) => path))
  const trained = also.map(([path, tensor]) => [keyOfOwn(path, adapted), tensor] as const)
  const shapes = shapesOf(model, places, new Map(trained))
  const ofShared = shared?.isSaved === true ? Object.entries(shared.shapes) : []
  const plan = { method, model, name, config: { ...spelt, ...base }, places, shared, trained, shapes }
  const savedShapes = new Map([...shapes, ...ofShared])
  return { ...plan, savedShapes, repeats: repeatsOf(places), parameterNames: parameterNames(places, name) }
}

function repeatsOf(places: readonly Place[]): ReadonlyMap<string, Shape> {
  return new Map(
    places.flatMap((place) =>
      Object.entries(place.repeats ?? {}).map(([name, shape]) => [keyAt(place, name), shape] as const),
    ),
  )
}

/** Places for the modules that are trained whole beside the method's own. */
function modulesBeside(
  model: Adaptable,
  { config }: Tying<AdapterConfig & Partial<TableFields>>,
  own: readonly Place[],
  options: PlaceOptions,
): readonly Place[] {
  const adapted = own.map(({ path }) => path)
  const names = config.modulesToSave ?? []
  const whole = names.length === 0 ? [] : savedModulePlaces(model, { names, adapted }, options)
  tellDrift(model, config, { own, whole }, options)
  const indices = config.trainableTokenIndices ?? null
  if (indices === null) return whole
  const taken = [...adapted, ...whole.map(({ path }) => path)]
  const { ensureWeightTying = false } = config
  return [...whole, ...trainedTokenPlaces(model, { indices, ensureWeightTying, adapted: taken }, options)]
}

/** Tensors of the model that a method trains, less those that a copy stands for. */
function trainedOf<C extends AdapterConfig>(
  method: AdapterMethod<C>,
  model: Adaptable,
  config: C,
  { own, beside }: { readonly own: readonly Place[]; readonly beside: readonly Place[] },
  options: PlaceOptions,
): readonly (readonly [path: string, tensor: Tensor])[] {
  const copied = new Set(beside.flatMap(({ path, shapes }) => Object.keys(shapes).map((name) => `${path}.${name}`)))
  const all = method.trained?.(model, config, own) ?? []
  tellNoBias(config, all.length, options)
  return all.filter(([path]) => !copied.has(path))
}

/** The key of a tensor of the model itself: PEFT's layers have the adapted one as their `base_layer`. */
function keyOfOwn(path: string, adapted: ReadonlySet<string>): string {
  const dot = path.lastIndexOf('.')
  const [layer, name] = dot < 0 ? ['', path] : [path.slice(0, dot), path.slice(dot + 1)]
  return adapted.has(layer) ? `${keyPrefix}${layer}.base_layer.${name}` : keyPrefix + path
}

/** What PEFT calls each tensor in a model that has the adapter. */
export function parameterNames(places: readonly Place[], adapter: string): ReadonlyMap<string, string> {
  return new Map(
    places.flatMap((place) =>
      Object.keys(place.shapes).map((name) => {
        const own = place.parameterName?.(name, adapter) ?? nameInKey(name, adapter)
        return [keyAt(place, name), `${place.peftPath ?? keyPrefix + place.path}.${own}`] as const
      }),
    ),
  )
}

/** Two adapters cannot both have trained the base's own tensors, such as biases. PEFT refuses that as well. */
function checkOneTrainsBase(who: string, model: Adaptable, trainsBase: boolean): void {
  const others = [...(adapterSetOf(model)?.members.values() ?? [])].filter((other) => other.trainsBase)
  check(!trainsBase || others.length === 0, 'config', () => {
    const those = showNames(others.map(({ name }) => name))
    return `${who}: only one adapter of a model may train its biases, and ${those} does; set bias to "none"`
  })
}

function inModelOrder(model: Adaptable, places: readonly Place[]): readonly Place[] {
  const order = new Map([...bareModules(model)].map(([path], i) => [path, i]))
  const at = ({ path }: Place) => order.get(path) ?? Infinity
  return [...places].sort((a, b) => at(a) - at(b))
}

/** What is trained, as `Adapter.namedTrainableParameters` will give it. */
function shapesOf(
  model: Adaptable,
  places: readonly Place[],
  trained: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Shape> {
  const byPath = new Map(places.map((place) => [place.path, place]))
  const shapes = new Map<string, Shape>()
  for (const [path, { weights }] of bareModules(model)) {
    const place = byPath.get(path)
    if (place !== undefined) {
      for (const [name, shape] of Object.entries(place.shapes)) shapes.set(keyAt(place, name), shape)
    }
    for (const name of Object.keys(weights)) {
      const key = keyOfOwn(path === '' ? name : `${path}.${name}`, new Set(place && [path]))
      const own = trained.get(key)
      if (own !== undefined) shapes.set(key, own.shape)
    }
  }
  return shapes
}
