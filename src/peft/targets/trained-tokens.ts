import { check, MedAwareError } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import { Embedding } from '../../nn/embedding.ts'
import { LanguageHead, TiedHead } from '../../nn/language-head.ts'
import type { Module } from '../../nn/module.ts'
import type { Adaptable } from '../adaptable.ts'
import type { Place, PlaceOptions } from '../adapter-method.ts'
import { bareModules, isAdapted } from '../layers/adapted-layer.ts'
import { tokenPlace } from '../layers/trainable-tokens.ts'
import { tiedPair } from './tied-pair.ts'

/** Tokens whose vectors are trained: of the embeddings, or by names of modules. */
export type TokenIndices = readonly number[] | Readonly<Record<string, readonly number[]>>

/** What a config says of single tokens and of tied tables, in PEFT's words (peft/tuners/lora/config.py). */
export interface TableFields {
  /**
   * Tokens whose vectors are trained beside the adapter, of the embeddings or by names of modules, as
   * `{ lm_head: [5] }`; a head that is tied to the embeddings shares them. Default null: none.
   */
  readonly trainableTokenIndices: TokenIndices | null
  /**
   * Keep embeddings and head one table while they are trained: where modulesToSave or targetModules names one of them,
   * the embeddings are trained and the head follows; other trainableTokenIndices of the two are refused. Default false.
   */
  readonly ensureWeightTying: boolean
}

/** What is asked for. */
export interface TrainedTokens {
  readonly indices: TokenIndices
  /** Whether tables that are tied may not have tokens of their own. */
  readonly ensureWeightTying: boolean
  /** Paths of the layers that have the adapter on them otherwise. */
  readonly adapted: readonly string[]
}

const name = 'token_adapter.trainable_tokens_delta'

/**
 * Places for the rows that `trainableTokenIndices` names, as PEFT finds them (utils/other.py,
 * set_additional_trainable_modules). A head that is tied to the embeddings shares their rows, unless both are named
 * with other tokens.
 * @throws MedAwareError `not-found` where a name matches nothing, `config` for tokens there are not or a layer that is
 * adapted otherwise, `unsupported` for what is no table.
 */
export function trainedTokenPlaces(
  model: Adaptable,
  { indices, ensureWeightTying, adapted }: TrainedTokens,
  { who, onWarning }: PlaceOptions,
): readonly Place[] {
  const modules = [...bareModules(model)].filter(([path]) => path !== '')
  const tied = tiedPair(modules)
  const tables = tablesOf(who, model, modules, indices)
  const [ofHead, ofEmbeddings] = [tied && tables.get(tied.head), tied && tables.get(tied.embeddings)]
  const isOther = Boolean(ofHead && ofEmbeddings && show(ofHead.tokens) !== show(ofEmbeddings.tokens))
  check(!isOther || !ensureWeightTying, 'config', () => {
    return `${who}: trainableTokenIndices are ${show(ofEmbeddings?.tokens)} and ${show(ofHead?.tokens)} of tables that are tied; give both the same, or leave ensureWeightTying out`
  })
  if (tied !== null && (isOther || (ofHead && !ofEmbeddings))) {
    onWarning?.(
      `${who}: "${tied.embeddings}" and "${tied.head}" are one table in this model; trained on other tokens, a merged model has two`,
    )
  }
  return [...tables].flatMap(([path, { module, tokens }]) => {
    check(!adapted.includes(path), 'config', () => {
      return `${who}: trainableTokenIndices names "${path}", which the adapter is on otherwise; leave one of them out`
    })
    if (path === tied?.head && ofEmbeddings && !isOther) return []
    const place = { path, table: module.table, tokens, name, startsAsTable: true }
    const tiesHead = path === tied?.embeddings && !isOther
    return [tokenPlace(place, module instanceof Embedding ? { tiesHead } : 'head')]
  })
}

/** What has a vector for each token. */
export type Table = Embedding | LanguageHead | TiedHead

/** The path of a model's embeddings, if it says which they are. */
export function inputEmbeddingsPath(model: Adaptable): string | undefined {
  const stands = model.getInputEmbeddings?.()
  const input = stands && isAdapted(stands) ? stands.base : stands
  return [...bareModules(model)].find(([path, module]) => path !== '' && module === input)?.[0]
}

/** The named tables with their tokens, by path. */
function tablesOf(
  who: string,
  model: Adaptable,
  modules: readonly (readonly [path: string, module: Module])[],
  indices: TokenIndices,
): ReadonlyMap<string, { readonly module: Table; readonly tokens: readonly number[] }> {
  const named: readonly (readonly [string, readonly number[]])[] = isList(indices)
    ? [[inputEmbeddingsPath(model) ?? 'embed_tokens', indices]]
    : Object.entries(indices)
  return new Map(
    named.flatMap(([ending, tokens]) => {
      const found = modules.filter(([path]) => path.endsWith(ending))
      check(found.length > 0, 'not-found', () => `${who}: no module matches trainableTokenIndices ${show(ending)}`)
      return found.map(([path, module]) => {
        if (!(module instanceof Embedding || module instanceof LanguageHead || module instanceof TiedHead)) {
          throw new MedAwareError(
            'unsupported',
            `${who}: trainableTokenIndices names "${path}", which is no table of tokens`,
          )
        }
        checkTokens(who, { field: 'trainableTokenIndices', path, tokens, vocab: module.table.rows })
        return [path, { module, tokens }] as const
      })
    }),
  )
}

/** Tokens of a table, and the field that names them. */
interface NamedTokens {
  readonly field: string
  readonly path: string
  readonly tokens: readonly number[]
  readonly vocab: number
}

/** Sees that tokens are of a table, and each is named once. @throws MedAwareError `config`. */
export function checkTokens(who: string, { field, path, tokens, vocab }: NamedTokens): void {
  const bad = tokens.find((token) => token >= vocab)
  check(bad === undefined, 'config', () => {
    return `${who}: ${field} has ${bad}, and "${path}" has ${vocab} tokens`
  })
  check(tokens.length > 0 && new Set(tokens).size === tokens.length, 'config', () => {
    return `${who}: ${field} must be some tokens, each once, got ${show(tokens)}`
  })
}

function isList(indices: TokenIndices): indices is readonly number[] {
  return Array.isArray(indices)
}
