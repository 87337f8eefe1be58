import { messageOf } from '../core/errors.ts'
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { nearestName } from '../core/nearest.ts'
import type { ProgressLine } from '../trainer/progress/progress-line.ts'

/** What a command is given. */
export interface CommandContext {
  /** Ctrl-C. */
  readonly signal: AbortSignal
  /** Asks a function first what a Ctrl-C is to do, which says whether that was all. @returns Takes it away. */
  readonly onInterrupt: (handle: () => boolean) => () => void
  readonly progress: ProgressLine
  /** Writes a result to stdout. */
  readonly print: (text: string) => void
}

/** A word behind the program's name. */
export interface Command {
  /** In one line. */
  readonly summary: string
  readonly help: string
  /** @throws UsageError for words it does not know, and what the library throws. */
  run(args: readonly string[], context: CommandContext): Promise<void>
}

/** A command line that makes no sense: exit code 2. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>['values']

/**
 * Reads a command's words.
 * @param names Of what stands without a flag, in order; all are needed.
 * @param more Of what may stand behind them.
 * @throws UsageError.
 */
export function parseWords<const O extends Options, const N extends string, const M extends string = never>(
  args: readonly string[],
  names: readonly N[],
  options: O,
  more: readonly M[] = [],
): { values: Parsed<O>; words: Readonly<Record<N, string>> & Readonly<Partial<Record<M, string>>> } {
  const { values, positionals } = parse(args, options)
  const { length } = positionals
  if (length < names.length || length > names.length + more.length) {
    const given = length === 0 ? 'nothing was given' : `got ${positionals.join(' ')}`
    if (names.length + more.length === 0) throw new UsageError(`takes options alone, ${given}`)
    throw new UsageError(`needs ${[...names, ...more.map((name) => `[${name}]`)].join(' ')}, ${given}`)
  }
  const all: readonly string[] = [...names, ...more]
  const words = Object.fromEntries(positionals.map((word, i) => [all[i] ?? '', word]))
  return { values, words: words as Record<N, string> & Partial<Record<M, string>> }
}

function parse<const O extends Options>(args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    const message = messageOf(error)
    const [, unknown] = /^Unknown option '(--?[^']*)'/.exec(message) ?? []
    if (unknown === undefined) throw new UsageError(message)
    const known = Object.keys(options).map((name) => `--${name}`)
    throw new UsageError(`there is no option ${unknown}${remedyFor(unknown, known)}`)
  }
}

/** The nearest of some words, else all there are. */
export function remedyFor(word: string, known: readonly string[]): string {
  const near = nearestName(word, known)
  return near === null ? `; there are ${known.join(', ')}` : `; did you mean ${near}?`
}

/** One of a few words. @throws UsageError for any other. */
export function oneOf<const W extends string>(flag: string, value: string, words: readonly W[]): W {
  const found = words.find((word) => word === value)
  if (found === undefined) throw new UsageError(`--${flag} must be ${listed(words)}, got ${value}`)
  return found
}

/** Names with commas between them; none where nothing was given. */
export function namesOf(value: string | undefined): readonly string[] {
  return value === undefined ? [] : value.split(',')
}

/** A whole number from `least` on. @throws UsageError. */
export function whole(flag: string, value: string, least = 1): number {
  const number = Number(value)
  if (value.trim() === '' || !Number.isInteger(number) || number < least) {
    throw new UsageError(`--${flag} must be a whole number from ${least}, got ${value}`)
  }
  return number
}

/** A number that is not negative. @throws UsageError. */
export function amount(flag: string, value: string): number {
  const number = Number(value)
  if (value.trim() === '' || !(number >= 0) || number === Infinity) {
    throw new UsageError(`--${flag} must be a number from 0, got ${value}`)
  }
  return number
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`
}
