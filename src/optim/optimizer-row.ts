import { type Aliases, type OptionRules, table } from '../core/options.ts'
import { check } from '../core/errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Optimizer, OptimizerContext, OptimizerFactory } from './optimizer.ts'

/** What a table of optimizers says of one, with the settings `O`. */
export interface OptimizerRow<O extends object> {
  /** Other words for it, such as those of transformers' `optim`. Default none. */
  readonly aliases?: readonly string[]
  /** A rule for each setting. */
  readonly settings: OptionRules<O>
  /** Other names of settings, which an error answers with ours. Default none. */
  readonly settingAliases?: Aliases<O>
  /** What each setting is where nobody says. */
  readonly defaults: Required<O>
  /** Makes it with every setting filled in. */
  create(parameters: readonly Tensor[], options: Required<O> & OptimizerContext): Optimizer
}

/** A row whose settings are its own business. */
export interface ErasedRow {
  readonly aliases: readonly string[]
  /** Names of its settings. */
  readonly settings: readonly string[]
  /**
   * Reads settings and fills in the rest.
   * @param at Who reads them and where they stand, such as `TrainingRun: optimizer`.
   * @throws MedAwareError `config` for an unknown setting or a value out of range.
   */
  resolve(at: string, given: unknown): { readonly settings: object; readonly create: OptimizerFactory }
}

/** Hides what settings a row has, so that rows with others can stand beside it. */
export function eraseRow<O extends object>(row: OptimizerRow<O>): ErasedRow {
  const rule = table(row.settings, row.settingAliases)
  return {
    aliases: row.aliases ?? [],
    settings: Object.keys(row.settings),
    resolve: (at, given) => {
      const read = rule.read(given, at)
      check(read !== undefined, 'config', () => `${at} must be ${rule.expects}`)
      const settings: Required<O> = { ...row.defaults, ...read }
      return { settings, create: (parameters, context) => row.create(parameters, { ...settings, ...context }) }
    },
  }
}
