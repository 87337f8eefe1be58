import { MedAwareError } from '../../errors.ts'
import { characterOf, classOf, rangeOf, type CharacterMode, type CharacterTest } from './characters.ts'
import type { Tokens } from './tokens.ts'

const controls: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 }
const hexDigits = '0123456789abcdefABCDEF'
const octalDigits = '01234567'

/** A code point, or a class such as `\d`. */
type Item = number | CharacterTest

/**
 * What a token such as `\n`, `\x41` or `\w` stands for, where it is no place and no reference (re/_parser.py, _escape).
 */
export function escapedItem(token: string, tokens: Tokens, mode: CharacterMode): Item {
  const letter = token.slice(1)
  if ('dDsSwW'.includes(letter)) return classOf(letter, mode)
  const control = controls[letter]
  if (control !== undefined) return control
  const digits = { x: 2, u: 4, U: 8 }[letter]
  if (digits !== undefined) {
    const hex = tokens.takeWhile(hexDigits, digits)
    const code = hex.length === digits ? Number.parseInt(hex, 16) : NaN
    if (!(code <= 0x10ffff)) throw tokens.bad(`the escape ${token}${hex}`)
    return code
  }
  if (letter === 'N')
    throw new MedAwareError('unsupported', `${tokens.who} names a character by \\N{…}; write the character itself`)
  if (octalDigits.includes(letter)) return octal(letter + tokens.takeWhile(octalDigits, 2), tokens)
  if (/^[0-9A-Za-z]$/.test(letter)) throw tokens.bad(`the escape ${token}`)
  return letter.codePointAt(0) ?? NaN
}

/** The code point that octal digits give. */
export function octal(digits: string, tokens: Tokens): number {
  const code = Number.parseInt(digits, 8)
  if (code > 0o377) throw tokens.bad(`the octal escape \\${digits}, above \\377`)
  return code
}

/** A test of one character for what stands between `[`, which is taken already, and `]`. */
export function characterSet(tokens: Tokens, mode: CharacterMode): CharacterTest {
  const tests: CharacterTest[] = []
  const isNegative = tokens.takes('^')
  for (;;) {
    const token = tokens.take()
    if (token === '') throw tokens.bad('a [ without its ]')
    if (token === ']' && tests.length > 0) break
    const first = setItem(token, tokens, mode)
    if (!tokens.takes('-')) {
      tests.push(itemTest(first, mode))
      continue
    }
    const last = tokens.take()
    if (last === '') throw tokens.bad('a [ without its ]')
    if (last === ']') {
      tests.push(itemTest(first, mode), characterOf(45, mode))
      break
    }
    const to = setItem(last, tokens, mode)
    if (typeof first !== 'number' || typeof to !== 'number' || to < first)
      throw tokens.bad(`the range ${token}-${last}`)
    tests.push(rangeOf(first, to, mode))
  }
  const isIn: CharacterTest = (c) => tests.some((test) => test(c))
  return isNegative ? (c) => !isIn(c) : isIn
}

/** A test of one character for an item. */
export function itemTest(item: Item, mode: CharacterMode): CharacterTest {
  return typeof item === 'number' ? characterOf(item, mode) : item
}

function setItem(token: string, tokens: Tokens, mode: CharacterMode): Item {
  return token.startsWith('\\') ? escapedItem(token, tokens, mode) : (token.codePointAt(0) ?? NaN)
}
