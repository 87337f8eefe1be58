import { check, MedAwareError } from './errors.ts'
import { nearestName } from './nearest.ts'
import { type Aliases, type OptionRules, readArgument, table, text } from './options.ts'
import { show, showNames } from './show.ts'

/** What a table says of a thing that is chosen by its name and has the settings `O`. */
export interface SettingsRow<O extends object> {
  /** Other words for it, such as those of transformers. Default none. */
  readonly aliases?: readonly string[]
  /** A rule for each setting. */
  readonly settings: OptionRules<O>
  /** Other names of settings, which an error answers with ours. Default none. */
  readonly settingAliases?: Aliases<O>
  /** What each setting is where nobody says. */
  readonly defaults: Required<O>
}

/** A row whose settings are its own business. @typeParam Make What it makes of them. */
export interface NamedRow<Make> {
  readonly aliases: readonly string[]
  /** Names of its settings. */
  readonly settings: readonly string[]
  /**
   * Reads settings and fills in the rest.
   * @param at Who reads them and where they stand, such as `TrainingRun: optimizer`.
   * @throws MedAwareError `config` for an unknown setting or a value out of range.
   */
  resolve(at: string, given: unknown): { readonly settings: object; readonly make: Make }
  /** Those of some settings that are not the default. */
  unusual(settings: object): Readonly<Record<string, unknown>>
}

/**
 * Hides what settings a row has, so that rows with others can stand beside it.
 * @param bind What the row makes of its settings.
 */
export function namedRow<O extends object, Make>(
  row: SettingsRow<O>,
  bind: (settings: Required<O>) => Make,
): NamedRow<Make> {
  const rule = table(row.settings, row.settingAliases)
  const defaults = new Map<string, unknown>(Object.entries(row.defaults))
  return {
    aliases: row.aliases ?? [],
    settings: Object.keys(row.settings),
    resolve: (at, given) => {
      const read = rule.read(given, at)
      check(read !== undefined, 'config', () => `${at} must be ${rule.expects}`)
      const settings: Required<O> = { ...row.defaults, ...read }
      return { settings, make: bind(settings) }
    },
    unusual: (settings) => {
      const differs = ([name, value]: [string, unknown]) => JSON.stringify(value) !== JSON.stringify(defaults.get(name))
      return Object.fromEntries(Object.entries(settings).filter(differs))
    },
  }
}

/** Things that are chosen by name, to which a user may add. */
export class NamedRows<Make> {
  readonly #kind: string
  readonly #rows: Map<string, NamedRow<Make>>

  /** @param kind What they are, such as 'optimizer'. */
  constructor(kind: string, rows: Iterable<readonly [string, NamedRow<Make>]>) {
    this.#kind = kind
    this.#rows = new Map(rows)
  }

  get names(): readonly string[] {
    return [...this.#rows.keys()]
  }

  /** The row and its name, by that or another word; null for none. */
  find(word: string): readonly [string, NamedRow<Make>] | null {
    return [...this.#rows].find(([name, { aliases }]) => name === word || aliases.includes(word)) ?? null
  }

  /** As `find`. @param at Begins the error's sentence. @throws MedAwareError `config`, with the nearest known name. */
  get(at: string, word: string): readonly [string, NamedRow<Make>] {
    const found = this.find(word)
    if (found !== null) return found
    const near = nearestName(
      word,
      [...this.#rows].flatMap(([name, { aliases }]) => [name, ...aliases]),
    )
    const remedy = near === null ? `known are ${showNames(this.names, 24)}` : `did you mean '${near}'?`
    throw new MedAwareError('config', `${at}: there is no ${this.#kind} ${show(word)}; ${remedy}`)
  }

  /** @throws MedAwareError `config` for a name or another word that the table has already. */
  add(who: string, name: string, row: NamedRow<Make>): void {
    readArgument(who, 'name', name, text)
    const taken = [name, ...row.aliases].find((word) => this.find(word) !== null)
    check(taken === undefined, 'config', () => `${who}: there is ${article(this.#kind)} ${show(taken)} already`)
    this.#rows.set(name, row)
  }
}

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`
}
