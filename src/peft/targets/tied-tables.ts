import { check } from '../../core/errors.ts'
import type { Module } from '../../nn/module.ts'
import type { Place, PlaceOptions } from '../adapter-method.ts'
import type { AdapterConfig } from '../config/config-fields.ts'
import { bareModules, keyPrefix } from '../layers/adapted-layer.ts'
import { NamePatterns } from './module-names.ts'
import type { TargetNames } from './target-matching.ts'
import { tiedPair, type TiedPair } from './tied-pair.ts'
import type { TableFields } from './trained-tokens.ts'

/** What of a config says what is done to tables. */
export type TableConfig = AdapterConfig & Partial<TableFields> & Partial<TargetNames>

/** A config, and the tables that stay one while they are trained. */
export interface Tying<C> {
  /** As PEFT saves it: the embeddings are named, and the head that follows them is not. */
  readonly config: C
  readonly tied: TiedPair | null
  /** Whether the table is trained whole; else it is adapted. */
  readonly isWhole: boolean
}

/**
 * Ties what a config asks to keep tied: where one of two tied tables is named, the embeddings are trained and the head
 * follows (peft/tuners/lora/model.py, _add_modules_to_save_to_tie, _add_targets_to_tie). PEFT knows tables by the names
 * embed_tokens and lm_head alone; here it is whatever the model ties. A file is tied if it has the head's tensors.
 */
export function withTying<C extends TableConfig>(model: Module, config: C, options: PlaceOptions): Tying<C> {
  const { who, savedKeys, onWarning } = options
  const none = { config, tied: null, isWhole: false }
  if (config.ensureWeightTying !== true) return none
  const tied = tiedPair([...bareModules(model)])
  if (tied === null) {
    onWarning?.(`${who}: ensureWeightTying has no effect: no tables of this model are tied`)
    return none
  }
  const { head, embeddings } = tied
  const { modulesToSave, targetModules } = config
  const saved = modulesToSave ?? []
  const isWhole = [embeddings, head].some((path) => saved.some((name) => path.endsWith(name)))
  const targets = targetModules === undefined ? null : targetNamer(targetModules, who)
  const isAdapted = targets !== null && [embeddings, head].some(targets)
  if (!isWhole && !isAdapted) {
    const hasTokens = (config.trainableTokenIndices ?? null) !== null
    if (!hasTokens) {
      const what = `neither modulesToSave nor targetModules names "${embeddings}" or "${head}"`
      onWarning?.(`${who}: ensureWeightTying has no effect: ${what}`)
    }
    return none
  }
  if (savedKeys?.some((key) => key.startsWith(`${keyPrefix}${head}.`)) === false) return none
  if (isWhole) return { config: { ...config, modulesToSave: followed(saved, tied, who) }, tied, isWhole }
  if (typeof targetModules !== 'string') {
    return { config: { ...config, targetModules: followed(targetModules ?? [], tied, who) }, tied, isWhole }
  }
  const ending = `|^${embeddings.replaceAll('.', '\\.')}$)`
  if (targetModules.endsWith(ending)) return { config, tied, isWhole }
  return { config: { ...config, targetModules: `(?:${targetModules}${ending}` }, tied, isWhole }
}

/** Sees that a tied table is adapted in one way. @param own The places of the adapter's method. */
export function checkTying<C>({ tied, isWhole }: Tying<C>, own: readonly Place[], who: string): void {
  if (tied === null) return
  const { head, embeddings } = tied
  const paths = own.map(({ path }) => path)
  check(!isWhole || !paths.includes(head), 'config', () => {
    return `${who}: modulesToSave trains "${embeddings}" and "${head}" as one, and targetModules names "${head}" too; leave one of them out`
  })
  check(isWhole || paths.includes(embeddings), 'config', () => {
    return `${who}: ensureWeightTying adapts "${embeddings}" for "${head}", and the config excludes it; name it, or leave ensureWeightTying out`
  })
}

/**
 * Tells where one of two tied tables, or each by itself, is adapted or trained whole, so that they drift apart
 * (peft/tuners/tuners_utils.py, _check_tied_modules). @param own Places of the adapter's method. @param whole Those
 * that are trained whole beside it.
 */
export function tellDrift(
  model: Module,
  config: TableConfig,
  { own, whole }: { readonly own: readonly Place[]; readonly whole: readonly Place[] },
  { who, onWarning }: PlaceOptions,
): void {
  const pair = tiedPair([...bareModules(model)])
  if (pair === null || onWarning === undefined) return
  const { head, embeddings } = pair
  const trained = (places: readonly Place[]) => (path: string) => {
    const followed = (key: string) => key.startsWith(`${keyPrefix}${head}.`)
    return places.some(({ path: at, shapes, repeats = {} }) => {
      return at === path && Object.keys(shapes).length > 0 && !Object.keys(repeats).some(followed)
    })
  }
  const both = [embeddings, head].filter(trained([...own, ...whole]))
  if (both.length === 0) return
  const how = both.every(trained(whole)) ? 'trained whole' : 'adapted'
  const remedy =
    'ensureWeightTying' in config ? 'set ensureWeightTying to keep them one' : 'to keep them one, train neither'
  onWarning(
    `${who}: "${both.join('" and "')}" ${both.length === 2 ? 'are' : 'is'} ${how}, though "${head}" and "${embeddings}" ` +
      `are one table in this model: from now on they drift apart, and merged they are two tables or compute otherwise; ${remedy}`,
  )
}

/** Names that mean the embeddings and no longer the head. */
function followed(names: readonly string[], { head, embeddings }: TiedPair, who: string): readonly string[] {
  const all = names.includes(embeddings) ? names : [...names, embeddings]
  const meansHead = all.findIndex((name) => new NamePatterns(who).within([name], 'modulesToSave')(head))
  return all.filter((_, i) => i !== meansHead)
}

function targetNamer(targets: readonly string[] | string, who: string): (path: string) => boolean {
  if (typeof targets === 'string' && targets.toLowerCase() === 'all-linear') return () => false
  return new NamePatterns(who).names(targets, 'targetModules')
}
