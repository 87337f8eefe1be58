import { camelCase } from '../../core/camel-case.ts'
import { check } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import {
  type Aliases,
  either,
  listOf,
  type OptionRules,
  orNull,
  readArgument,
  readUnknown,
  type Rule,
  text,
  that,
} from '../../core/options.ts'
import { show } from '../../core/show.ts'
import type { Adaptable } from '../adaptable.ts'
import { checkOff, type Features, isEmpty } from './features.ts'
import { isBeside, type NestedFields, readNested, writeNested } from './nested-fields.ts'
import { pythonJson } from './python-json.ts'
import { bySnakeCase, snakeCase } from './snake-case.ts'
import type { TargetNames } from '../targets/target-matching.ts'

/** The file that an adapter's config is saved in. */
export const configFile = 'adapter_config.json'
/** The version of PEFT whose files `format` writes. */
export const peftVersion = '0.21.2'

/** What every adapter's config has, in PEFT's words (peft/config.py, PeftConfig). */
export interface AdapterConfig {
  /** Which method: 'LORA', 'IA3'; a row in the table of methods. */
  readonly peftType: string
  /** Default 'CAUSAL_LM'; PEFT leaves null where it was not told. */
  readonly taskType: 'CAUSAL_LM' | null
  /** What the adapter belongs to: a repository's name or a path. Default null: the model's nameOrPath is taken. */
  readonly baseModelNameOrPath: string | null
  /** The base model's revision. Default null. */
  readonly revision: string | null
  /**
   * What its file has beside the fields of its method, by the file's names: PEFT's version, fields without effect, and
   * those that are not known; under a field that is an object, those in it. It is saved again as it is. Default: PEFT's
   * defaults of the fields without effect.
   */
  readonly otherFields?: JsonObject
  /**
   * Modules that are trained whole beside the adapter, each as a copy in f32 that the file has too: what a path ends
   * with, as letters, so that 'norm' is also an input_layernorm. What is adapted is not to be among them. A module of
   * modules, such as 'mlp', stands for all layers in it. Default null: none.
   */
  readonly modulesToSave: readonly string[] | null
}

/** What a file says. */
export interface ParsedFields<C> {
  readonly config: C
  /** Fields that are not known, which may say how the adapter computes. */
  readonly unknown: ReadonlyMap<string, unknown>
  /** Those within objects of options, such as 'eva_config.future', which say how the adapter was begun. */
  readonly unknownNested: ReadonlyMap<string, unknown>
}

/** The config of a method: how it is read and written. `configFields` makes it from a table. */
export interface ConfigFields<C extends AdapterConfig> {
  /** Names of all fields in a file, also of those that this library lacks. */
  readonly keys: readonly string[]
  /**
   * Fills in PEFT's defaults. Fields of PEFT that this library lacks may be given at the values that turn them off.
   * @param who Begins an error's sentence.
   * @param model Says what is adapted where the config does not.
   * @param isSaved Whether it may say what only a file may. Default false.
   * @throws MedAwareError `config` for a senseless value or an unknown field, `unsupported` for a feature of PEFT that
   * this library lacks; both name the field.
   */
  read(given: object | undefined, who: string, model: Adaptable | null, isSaved?: boolean): C
  /** Reads what a file says. @throws MedAwareError as `read`. */
  parse(content: JsonObject, model: Adaptable | null): ParsedFields<C>
  /** The file that PEFT would save, byte for byte. */
  format(config: C): string
}

/** What a method says of its config, by our names of PEFT's fields. */
export interface ConfigTable<C extends AdapterConfig> {
  /** PEFT's, of all fields. */
  readonly defaults: C
  /** A rule for each field, for a caller who attaches a new adapter. */
  readonly rules: OptionRules<C>
  /** The same for a file, which may say more than a caller. Default: `rules`. */
  readonly savedRules?: OptionRules<C>
  /** Names of other libraries. Default none. */
  readonly aliases?: Aliases<C>
  /** Features of PEFT's that this library lacks. Default none. */
  readonly lacking?: Features
  /** PEFT's other fields, at its defaults: none says how a finished adapter computes. Default none. */
  readonly withoutEffect?: Readonly<Record<string, unknown>>
  /** What PEFT writes of fields that are lacking where they are not null. Default none. */
  readonly written?: Readonly<Record<string, unknown>>
  /** Fields that old files have as null, and PEFT reads as their default. Default targetModules. */
  readonly maybeNull?: readonly string[]
  /** Fields that are objects of options and say how an adapter is begun, with their rules. Default none. */
  readonly nested?: NestedFields
  /** Fields that PEFT's config of the method lacks, so that a file does not have them. Default none. */
  readonly absent?: readonly (keyof C & string)[]
  /** Keys whose numbers, or numbers by name, are floats to Python also where they are whole. Default none. */
  readonly floats?: readonly string[]
  /** More of them, of this config. Default none. */
  floatsOf?(config: C): readonly string[]
  /** Defaults that a model has for itself. */
  forModel?(model: Adaptable): Partial<C>
  /** Sees that a file is of a PEFT whose method is today's. @throws MedAwareError `unsupported`. */
  checkFile?(content: JsonObject): void
  /** Sees that fields fit one another. @param nameOf A field as the caller wrote it. */
  check?(config: C, who: string, nameOf: (field: string) => string): void
}

const plainObject = that('an object', isJsonObject)
const names = either(text, listOf(text, 1))
const maybeNames = orNull(either(that('a regular expression', isString), listOf(text)))

/** Rules of the fields that every config has. */
export const commonRules: OptionRules<Omit<AdapterConfig, 'peftType'>> = {
  taskType: that('"CAUSAL_LM" or null', (value) => value === 'CAUSAL_LM' || value === null),
  baseModelNameOrPath: orNull(text),
  revision: orNull(text),
  otherFields: plainObject,
  modulesToSave: orNull(listOf(text)),
}

/** PEFT's defaults of the fields that every config has. */
export const commonDefaults = {
  taskType: 'CAUSAL_LM',
  baseModelNameOrPath: null,
  revision: null,
  modulesToSave: null,
} as const

/** Rules of the fields that say which projections are adapted. */
export const targetRules: OptionRules<Pick<TargetNames, 'targetModules' | 'excludeModules'>> = {
  targetModules: named('names, a regular expression or "all-linear"', names),
  excludeModules: named('names, a regular expression or null', maybeNames),
}

/** A rule for names of modules, or none. */
export const maybeNamesRule = named('regular expressions or null', maybeNames)

/** A rule for a method's own name. */
export function isType<T extends string>(peftType: T): Rule<T> {
  return that(`"${peftType}"`, (value): value is T => value === peftType)
}

/** Reads and writes a method's config by its table. */
export function configFields<C extends AdapterConfig>(table: ConfigTable<C>): ConfigFields<C> {
  const {
    rules,
    savedRules = rules,
    aliases = {},
    lacking = {},
    withoutEffect = {},
    maybeNull = ['targetModules'],
    nested = {},
  } = table
  const defaultsFor = (model: Adaptable | null): C => ({ ...table.defaults, ...(model && table.forModel?.(model)) })
  const isField = (field: string): field is keyof C & string => Object.hasOwn(rules, field)
  const inFiles = Object.keys(rules).filter((field) => field !== 'otherFields')
  const nestedIn = new Map(Object.entries(nested).map(([field, options]) => [snakeCase(field), options]))
  const keys = [...inFiles, ...Object.keys(lacking)].map(snakeCase)
  /** What a file says where nothing was told of it, and no other field speaks of it. */
  const usual: JsonObject = {
    ...bySnakeCase({ ...allNull(Object.keys(lacking)), ...withoutEffect, ...table.written }),
    ...{ auto_mapping: null, peft_version: peftVersion },
  }
  const isUsual = (key: string, value: unknown) => Object.hasOwn(usual, key) && sameJson(usual[key], value)
  const checked = (config: C, who: string, nameOf: (field: string) => string): C => {
    for (const [key, value] of Object.entries(config.otherFields ?? {})) {
      if (isBeside(value, nestedIn.get(key) ?? {}) && nestedIn.has(key)) continue
      check(!fixed.has(key) && !inFiles.some((field) => snakeCase(field) === key), 'config', () => {
        return `${who}: ${nameOf('otherFields')} has ${show(key)}, which has an option of its own`
      })
      checkOff(who, lacking, camelCase(key), value, key)
    }
    table.check?.(config, who, nameOf)
    return config
  }
  return {
    keys,
    read: (given = {}, who, model, isSaved = false) => {
      const fields = plainObject.read(given, who)
      // What is no object is refused in the words of options.
      const known = fields === undefined ? given : withoutOff(fields, who)
      const read = readUnknown(who, known, isSaved ? savedRules : rules, aliases)
      return checked({ ...defaultsFor(model), ...read }, who, (field) => field)
    },
    parse: (content, model) => {
      table.checkFile?.(content)
      const read: Partial<C> = {}
      const others = new Map<string, unknown>()
      for (const [key, value] of Object.entries(content)) {
        const field = snakeCase(camelCase(key)) === key ? camelCase(key) : ''
        if (fixed.has(key)) continue
        checkOff(configFile, lacking, field, value, key)
        if (!inFiles.includes(field) || !isField(field)) others.set(key, value)
        else if (value !== null || !maybeNull.includes(field)) {
          const options = nestedIn.get(key)
          const given = options === undefined ? { options: value, others: {} } : readNested(value, options)
          read[field] = readArgument(configFile, key, given.options, savedRules[field])
          if (Object.keys(given.others).length > 0) others.set(key, given.others)
        }
      }
      const kept = [...others].filter(([key, value]) => !isUsual(key, value))
      const otherFields = kept.length > 0 && { otherFields: Object.fromEntries(kept) }
      const config = checked({ ...defaultsFor(model), taskType: null, ...read, ...otherFields }, configFile, snakeCase)
      const unknown = kept.filter(([key]) => !Object.hasOwn(usual, key) && !nestedIn.has(key))
      const inNested = kept.flatMap(([key, value]) => {
        if (!nestedIn.has(key) || !isJsonObject(value)) return []
        return Object.entries(value).map(([name, each]) => [`${key}.${name}`, each] as const)
      })
      return { config, unknown: new Map(unknown), unknownNested: new Map(inNested) }
    },
    format: (whole) => {
      const { otherFields, ...config } = whole
      const inFile = ([field]: readonly [string, unknown]) => table.absent?.some((each) => each === field) !== true
      const own = Object.entries<unknown>(config)
        .filter(inFile)
        .map(([field, value]) => {
          const key = snakeCase(field)
          return [key, nestedIn.has(key) ? writeNested(value, otherFields?.[key]) : value] as const
        })
      const file = { ...usual, ...otherFields, ...Object.fromEntries(own), inference_mode: true }
      return pythonJson(file, new Set([...(table.floats ?? []), ...(table.floatsOf?.(whole) ?? [])]))
    },
  }

  /** Fields at the values that turn off what they are for, or that have no effect, are not looked at further. */
  function withoutOff(fields: JsonObject, who: string): object {
    const known = Object.entries(fields).filter(([field, value]) => {
      if (value !== undefined) checkOff(who, lacking, field, value)
      if (isField(field)) return true
      const isOff = isEmpty(value) || value === withoutEffect[field]
      return !(Object.hasOwn(lacking, field) || (Object.hasOwn(withoutEffect, field) && isOff))
    })
    return Object.fromEntries(known)
  }
}

/** What a file says that is never kept: PEFT writes it anew, passes it over, or has done without it since 0.3. */
const fixed: ReadonlySet<string> = new Set(['peft_type', 'inference_mode', 'runtime_config', 'merge_weights'])

function allNull(fields: readonly string[]): JsonObject {
  return Object.fromEntries(fields.map((field) => [field, null]))
}

function sameJson(a: unknown, b: unknown): boolean {
  return pythonJson(a, new Set()) === pythonJson(b, new Set())
}

/** A rule with words of its own. */
export function named<T>(expects: string, rule: Rule<T>): Rule<T> {
  return { expects, read: (value, at) => rule.read(value, at) }
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}
