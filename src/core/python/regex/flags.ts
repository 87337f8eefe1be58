import type { Tokens } from './tokens.ts'

/**
 * `(?imsxa)`: in either case, `^` and `$` at lines, `.` for line ends too, spaces and comments passed over, ASCII
 * classes.
 */
export interface Flags {
  readonly i: boolean
  readonly m: boolean
  readonly s: boolean
  readonly x: boolean
  readonly a: boolean
}

/** Whether what follows `(?` begins flags. */
export function isFlag(token: string): boolean {
  return token !== '' && 'imsxauL-'.includes(token)
}

/**
 * Reads flags from behind `(?` up to `)`, which makes them the whole pattern's, or `:`, which makes them a group's
 * (re/_parser.py, _parse_flags).
 */
export function readFlags(tokens: Tokens, before: Flags): { readonly flags: Flags; readonly isGlobal: boolean } {
  const on = tokens.takeWhile('imsxauL')
  const isOff = tokens.takes('-')
  const off = isOff ? tokens.takeWhile('imsxauL') : ''
  const end = tokens.take()
  const written = `(?${on}${isOff ? '-' : ''}${off}${end}`
  if (end !== ':' && (end !== ')' || isOff)) throw tokens.bad(`the flags ${written}`)
  if (isOff && off === '') throw tokens.bad(`the flags ${written}, which turn off none`)
  if (on.includes('L')) throw tokens.bad(`the flag L in ${written}, which is for bytes alone`)
  if (on.includes('a') && on.includes('u'))
    throw tokens.bad(`the flags a and u in ${written}, of which one excludes the other`)
  if (/[auL]/.test(off)) throw tokens.bad(`the flags ${written}: a, u and L cannot be turned off`)
  if (Array.from(off).some((flag) => on.includes(flag))) throw tokens.bad(`the flags ${written}, on and off at once`)
  const value = (flag: 'i' | 'm' | 's' | 'x') => !off.includes(flag) && (before[flag] || on.includes(flag))
  const ascii = on.includes('u') ? false : before.a || on.includes('a')
  const flags = { i: value('i'), m: value('m'), s: value('s'), x: value('x'), a: ascii }
  return { flags, isGlobal: end === ')' }
}
