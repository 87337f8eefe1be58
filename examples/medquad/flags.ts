import { parseArgs } from 'node:util'
import { nearestName } from 'peft-medaware'

/**
 * A flag of a command line: what it is without being given, and how its text is read (`undefined` where it cannot be).
 */
export interface Flag<T> {
  readonly otherwise: T
  /** Completes "must be …"; null for a flag that takes no value. */
  readonly expects: string | null
  read(text: string): T | undefined
}

/** What a table of flags gives. */
export type Flags<T> = { readonly [K in keyof T]: T[K] extends Flag<infer V> ? V : never }

/** A flag that is there or not. */
export const there: Flag<boolean> = { otherwise: false, expects: null, read: () => true }

/** Any text. */
export function text<T extends string | undefined>(otherwise: T): Flag<string | T> {
  return { otherwise, expects: 'a text', read: (given) => (given === '' ? undefined : given) }
}

/** A whole number from `least`. */
export function whole<T extends number | undefined>(otherwise: T, least = 1): Flag<number | T> {
  const isRight = (value: number) => Number.isSafeInteger(value) && value >= least
  return { otherwise, expects: `a whole number from ${least}`, read: (given) => numberIf(given, isRight) }
}

/** A number above 0, or from 0. */
export function number<T extends number | undefined>(otherwise: T, { from0 = false } = {}): Flag<number | T> {
  const isRight = (value: number) => Number.isFinite(value) && (from0 ? value >= 0 : value > 0)
  return { otherwise, expects: from0 ? '0 or more' : 'above 0', read: (given) => numberIf(given, isRight) }
}

/** One of some words. */
export function oneOf<const W extends string, T extends W | undefined>(words: readonly W[], otherwise: T): Flag<W | T> {
  const expects = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return { otherwise, expects, read: (given) => words.find((word) => word === given) }
}

/** The devices and the CPU engine's builds, which every command has; a command's process is its own. */
export const deviceFlag = oneOf(['auto', 'cpu', 'webgpu'], 'auto')
export const buildFlag = oneOf(['fastest', 'simd', 'relaxed', 'wide'], 'fastest')

/**
 * Reads a command line by a table. Prints the help and leaves on --help; on a flag that is not there (it says the
 * nearest that is) or a value that cannot be, says so and leaves with 2.
 */
export function readFlags<T extends Readonly<Record<string, Flag<unknown>>>>(
  args: readonly string[],
  flags: T,
  help: string,
): Flags<T> {
  const names = Object.keys(flags)
  const options = names.map((name) => [name, { type: flags[name]?.expects === null ? 'boolean' : 'string' }] as const)
  try {
    const { values } = parseArgs({ args: [...args], options: Object.fromEntries([...options, ['help', boolean]]) })
    if (values['help'] === true) {
      console.log(help)
      process.exit(0)
    }
    return Object.fromEntries(
      names.map((name) => [name, valueOf(name, flags[name], values[name])]),
    ) as unknown as Flags<T>
  } catch (error) {
    console.error(`${describe(error, [...names, 'help'])}\n\n${help}`)
    process.exit(2)
  }
}

const boolean = { type: 'boolean' } as const

function valueOf(name: string, flag: Flag<unknown> | undefined, given: unknown): unknown {
  if (flag === undefined || given === undefined) return flag?.otherwise
  const value = flag.read(typeof given === 'string' ? given : '')
  if (value === undefined) throw new Error(`--${name} must be ${flag.expects}, got ${JSON.stringify(given)}`)
  return value
}

function describe(error: unknown, names: readonly string[]): string {
  if (!(error instanceof Error)) return String(error)
  const [, unknown] = /^Unknown option '--?([^']+)'/.exec(error.message) ?? []
  if (unknown === undefined) return error.message
  const near = nearestName(unknown, names)
  return `There is no option --${unknown}${near === null ? '' : `; did you mean --${near}?`}`
}

function numberIf(given: string, isRight: (value: number) => boolean): number | undefined {
  const value = given.trim() === '' ? NaN : Number(given)
  return isRight(value) ? value : undefined
}
