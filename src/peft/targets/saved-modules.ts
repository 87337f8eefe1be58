import { check, MedAwareError } from '../../core/errors.ts'
import { show, showNames } from '../../core/show.ts'
import { type Module, ModuleList } from '../../nn/module.ts'
import type { Place, PlaceOptions } from '../adapter-method.ts'
import { bareModules } from '../layers/adapted-layer.ts'
import { canCopy, type CopyKeys, copyPlace, untiedPlace } from '../layers/full-copy.ts'
import { tiedPair } from './tied-pair.ts'

/** PEFT's keys of a module that is trained whole beside an adapter: plain in a file. */
const keys: CopyKeys = {
  name: (own) => own,
  parameterName: (own, adapter) => `modules_to_save.${adapter}.${own}`,
}

/** What is trained whole, and where adapters are already. */
export interface SavedModules {
  readonly names: readonly string[]
  /** Paths of the layers that the adapter's method takes. */
  readonly adapted: readonly string[]
}

/**
 * Places for copies of the modules that `modulesToSave` names, as PEFT finds them (utils/other.py, _set_trainable): a
 * path matches that ends with the letters of a name.
 * @throws MedAwareError `not-found` where a name matches nothing and partial matches will not do; `config` where it
 * names a list of modules or what is adapted; `unsupported` for a layer that cannot be copied.
 */
export function savedModulePlaces(
  model: Module,
  { names, adapted }: SavedModules,
  options: PlaceOptions,
): readonly Place[] {
  const { who, isPartialOk, tied } = options
  const modules = [...bareModules(model)].filter(([path]) => path !== '')
  const isNamed = (path: string): boolean => names.some((name) => path.endsWith(name))
  const left = names.filter((name) => !modules.some(([path]) => path.endsWith(name)))
  check(left.length === 0 || isPartialOk, 'not-found', () => {
    return `${who}: no module matches ${showNames(left.map((name) => `modulesToSave ${show(name)}`))}`
  })
  const tops = modules.filter(([path]) => isNamed(path))
  const layers = new Map(
    tops.flatMap(([top, module]) => {
      check(!(module instanceof ModuleList), 'config', () => {
        return `${who}: modulesToSave names "${top}", a list of modules; name what is in them`
      })
      return modules.filter(([path, each]) => {
        const isLayer = canCopy(each) || Object.keys(each.weights).length > 0
        return isLayer && (path === top || path.startsWith(`${top}.`))
      })
    }),
  )
  const taken = adapted.filter((path) => layers.has(path))
  check(taken.length === 0, 'config', () => {
    return `${who}: modulesToSave names ${showNames(taken.map((path) => show(path)))}, which the adapter is on; a layer is adapted or trained whole`
  })
  const places = [...layers].map(([path, layer]) => {
    if (!canCopy(layer))
      throw new MedAwareError('unsupported', `${who}: "${path}" is no layer that can be trained whole`)
    return copyPlace(path, layer, keys, { tiesHead: path === tied?.embeddings ? tied.head : null })
  })
  return tied ? places : [...places, ...untiedHeads(model, [...layers.keys()])]
}

/**
 * Places at heads that are tied to embeddings which are trained without them. Where both are, they are two tables from
 * the start.
 */
export function untiedHeads(model: Module, trained: readonly string[]): readonly Place[] {
  const tied = tiedPair([...bareModules(model)])
  if (tied === null) return []
  const { head, embeddings } = tied
  return trained.includes(head) || !trained.includes(embeddings) ? [] : [untiedPlace(head)]
}
