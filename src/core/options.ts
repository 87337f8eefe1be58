import { check, MedAwareError } from './errors.ts'
import { nearestName } from './nearest.ts'
import { show, showNames } from './show.ts'

/** What a value may be: how it is read, and the words for it in an error. */
export interface Rule<T> {
  /** Completes "must be …". */
  readonly expects: string
  /**
   * The value as the library uses it, `undefined` where it is none of these.
   * @param at Who reads it and its name, such as `loadModel: quantize`.
   */
  read(value: unknown, at: string): T | undefined
}

/** A rule for each option that a function has: the compiler sees to it that none is missing. */
export type OptionRules<T> = { readonly [K in keyof T]-?: Rule<Exclude<T[K], undefined>> }

/** Names that people bring from elsewhere, with ours: `{ lr: 'learningRate' }`. */
export type Aliases<T> = Readonly<Record<string, keyof T & string>>

/**
 * Reads the options of a public function: each by its rule, `undefined` like one that was not given.
 * @param who Begins an error's sentence, such as 'TrainingRun'.
 * @returns A copy that holds just the options given, so that `{ ...defaults, ...readOptions(…) }` fills in the rest.
 * @throws MedAwareError `config` for what is no object, an unknown name (it says the nearest known one) or a value out
 * of range.
 */
export function readOptions<T extends object>(
  who: string,
  given: T | undefined,
  rules: OptionRules<T>,
  aliases: Aliases<T> = {},
): T {
  return readTable(given === undefined ? {} : given, who, `${who}: `, rules, aliases)
}

/** Reads options as `readOptions`, of which nothing says what they are. @throws MedAwareError `config`. */
export function readUnknown<T extends object>(
  who: string,
  given: unknown,
  rules: OptionRules<T>,
  aliases: Aliases<T> = {},
): Partial<T> {
  return readTable(given === undefined ? {} : given, who, `${who}: `, rules, aliases)
}

/**
 * Reads one argument of a public function.
 * @param name Of the argument; '' where `who` says enough.
 * @throws MedAwareError `config` unless the rule takes it.
 */
export function readArgument<T>(who: string, name: string, value: unknown, rule: Rule<T>): T {
  const at = name === '' ? who : `${who}: ${name}`
  const read = rule.read(value, at)
  if (read === undefined) throw new MedAwareError('config', `${at} must be ${rule.expects}, got ${show(value)}`)
  return read
}

function readTable<T extends object>(
  given: unknown,
  at: string,
  prefix: string,
  rules: OptionRules<T>,
  aliases: Aliases<T>,
): T {
  const names = Object.keys(rules) as (keyof T & string)[]
  check(isPlain(given), 'config', () => {
    const example = names.length === 0 ? '{}' : `{ ${names[0]}: … }`
    return `${at}: options must be an object such as ${example}, got ${show(given)}`
  })
  const read: Partial<T> = {}
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(rules, name)) throw unknownOption(at, name, names, aliases)
    if (value === undefined) continue
    const known = name as keyof T & string
    const rule = rules[known]
    const taken = rule.read(value, `${prefix}${name}`)
    check(taken !== undefined, 'config', () => `${prefix}${name} must be ${rule.expects}, got ${show(value)}`)
    read[known] = taken
  }
  // Options that T requires are checked by who needs them: what is missing is `undefined`, as in plain JavaScript.
  return read as T
}

function unknownOption(at: string, name: string, names: readonly string[], aliases: Readonly<Record<string, string>>) {
  const meant = Object.hasOwn(aliases, name) ? (aliases[name] ?? null) : null
  const near = meant ?? nearestName(name, names) ?? aliasNear(name, aliases)
  const remedy = near === null ? `; it has ${showNames(names, 24)}` : `; did you mean ${near}?`
  return new MedAwareError('config', `${at}: there is no option ${show(name)}${names.length === 0 ? '' : remedy}`)
}

function aliasNear(name: string, aliases: Readonly<Record<string, string>>): string | null {
  const near = nearestName(name, Object.keys(aliases))
  return near === null ? null : (aliases[near] ?? null)
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  // A Map or a promise has no options of its own. Another page's Object.prototype is as good as ours.
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** A rule from a test and the words for it. */
export function that<T>(expects: string, test: (value: unknown) => value is T): Rule<T> {
  return { expects, read: (value) => (test(value) ? value : undefined) }
}

/** `true` or `false`. */
export const flag: Rule<boolean> = that('true or false', (value) => typeof value === 'boolean')

/** A text that says something. */
export const text: Rule<string> = that('a text', (value): value is string => typeof value === 'string' && value !== '')

/** A text, which may be empty. */
export const anyText: Rule<string> = that('a text', (value) => typeof value === 'string')

/** Whole numbers that a double holds, from `from` to `to`. */
export function whole({ from = -Infinity, to = Infinity }: { from?: number; to?: number } = {}): Rule<number> {
  const range = to === Infinity ? (from === -Infinity ? '' : ` from ${from}`) : ` from ${from} to ${to}`
  return that(
    `a whole number${range}`,
    (value): value is number => Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= to,
  )
}

/** Finite numbers between bounds, `from` and `to` included, `above` and `below` not. */
export function number(bounds: { above?: number; from?: number; below?: number; to?: number } = {}): Rule<number> {
  const { above, from, below, to } = bounds
  const words = [
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
    ...(to === undefined ? [] : [`at most ${to}`]),
  ]
  const isWithin = (value: number) =>
    value > (above ?? -Infinity) &&
    value >= (from ?? -Infinity) &&
    value < (below ?? Infinity) &&
    value <= (to ?? Infinity)
  return that(
    ['a number', words.join(' and ')].join(' ').trimEnd(),
    (value): value is number => typeof value === 'number' && Number.isFinite(value) && isWithin(value),
  )
}

/**
 * One of some words.
 * @param aliases Other words for them, such as Hugging Face's.
 */
export function oneOf<const T extends string>(words: readonly T[], aliases: Readonly<Record<string, T>> = {}): Rule<T> {
  return {
    expects: words.map((word) => `'${word}'`).join(words.length === 2 ? ' or ' : ', '),
    read: (value) => {
      if (typeof value !== 'string') return undefined
      return words.find((word) => word === value) ?? (Object.hasOwn(aliases, value) ? aliases[value] : undefined)
    },
  }
}

/** A rule for a name that others know and that is no option here. @param why It is none. */
export function refused(why: string): Rule<never> {
  return { expects: `left out, for ${why}`, read: () => undefined }
}

/** What one rule takes, or else another. */
export function either<A, B>(first: Rule<A>, second: Rule<B>): Rule<A | B> {
  return {
    // Asked for when it is said: a table may have more rows by then.
    get expects() {
      return `${first.expects} or ${second.expects}`
    },
    read: (value, at) => first.read(value, at) ?? second.read(value, at),
  }
}

/** `null`, or what a rule takes. */
export function orNull<T>(rule: Rule<T>): Rule<T | null> {
  return {
    expects: `${rule.expects} or null`,
    read: (value, at) => (value === null ? null : rule.read(value, at)),
  }
}

/** A list of what a rule takes, copied. @param least Of its length. */
export function listOf<T>(rule: Rule<T>, least = 0): Rule<readonly T[]> {
  return {
    expects: `a list of ${least > 0 ? `at least ${least} of ` : ''}${rule.expects}`,
    read: (value, at) => {
      if (!Array.isArray(value) || value.length < least) return undefined
      return value.map((item: unknown, i) => readArgument(at, `item ${i}`, item, rule))
    },
  }
}

/** An object whose every value a rule takes, copied. */
export function recordOf<T>(rule: Rule<T>): Rule<Readonly<Record<string, T>>> {
  return {
    expects: `an object of ${rule.expects} by name`,
    read: (value, at) => {
      if (!isPlain(value)) return undefined
      const read = Object.entries(value).map(([key, each]) => [key, readArgument(at, show(key), each, rule)])
      return Object.fromEntries(read) as Readonly<Record<string, T>>
    },
  }
}

/** A function. */
export function callback<F extends (...args: never[]) => unknown>(): Rule<F> {
  return that('a function', (value): value is F => typeof value === 'function')
}

/** Options within options, read like them. */
export function table<T extends object>(rules: OptionRules<T>, aliases: Aliases<T> = {}): Rule<T> {
  const [first = ''] = Object.keys(rules)
  return {
    expects: `an object such as { ${first}: … }`,
    read: (value, at) => (isPlain(value) ? readTable(value, at, `${at}.`, rules, aliases) : undefined),
  }
}

/** An object that has these methods: a device, a model, a tokenizer, whoever made it. */
export function withMethods<T extends object>(expects: string, methods: readonly (keyof T & string)[]): Rule<T> {
  return that(expects, (value): value is T => {
    if (typeof value !== 'object' || value === null) return false
    return methods.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function')
  })
}

/** What can be gone through: a list, a set, what a generator yields. Its items are for who goes through it to check. */
export function iterableOf<T>(expects: string): Rule<Iterable<T>> {
  return that(expects, (value): value is Iterable<T> => {
    return typeof value === 'object' && value !== null && Symbol.iterator in value
  })
}

/** A typed array of a kind: numbers of another kind would be read as other values. */
export function arrayOf<T extends object>(kind: new (length: number) => T): Rule<T> {
  const article = /^[AEIOU]/.test(kind.name) ? 'an' : 'a'
  return that(`${article} ${kind.name}`, (value): value is T => value instanceof kind)
}

/** What ends something early. */
export const abortSignal: Rule<AbortSignal> = withMethods<AbortSignal>('an AbortSignal', [
  'throwIfAborted',
  'addEventListener',
])
