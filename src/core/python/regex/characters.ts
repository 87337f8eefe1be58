/** Whether a code point is in a class. */
export type CharacterTest = (codePoint: number) => boolean

/** How letters and classes are read: `(?i)` and `(?a)`. */
export interface CharacterMode {
  readonly ignoreCase: boolean
  readonly ascii: boolean
}

/** What is a space to Python's str.isspace, in ranges. */
const spaces: readonly (readonly [number, number])[] = [
  [9, 13],
  [28, 32],
  [0x85, 0x85],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
]

/** `\w`: what str.isalnum says, and the underscore. */
export function isWord(c: number, ascii: boolean): boolean {
  if (c < 128) return (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || isAsciiDigit(c) || c === 95
  return !ascii && /^[\p{L}\p{N}]$/u.test(String.fromCodePoint(c))
}

/** The class that a letter after a backslash stands for: d, D, s, S, w or W. */
export function classOf(letter: string, { ascii }: CharacterMode): CharacterTest {
  const test = { d: ascii ? isAsciiDigit : isDigit, s: ascii ? isAsciiSpace : isSpace }[letter.toLowerCase()]
  const positive = test ?? ((c: number) => isWord(c, ascii))
  return letter === letter.toLowerCase() ? positive : (c) => !positive(c)
}

/** One character; with `(?i)` in either case. */
export function characterOf(wanted: number, mode: CharacterMode): CharacterTest {
  return mode.ignoreCase ? (c) => c === wanted || isSameLetter(c, wanted, mode) : (c) => c === wanted
}

/** Characters from one to another, both included; with `(?i)` in either case. */
export function rangeOf(from: number, to: number, mode: CharacterMode): CharacterTest {
  const test: CharacterTest = (c) => c >= from && c <= to
  if (!mode.ignoreCase) return test
  return (c) => {
    const capital = upperOf(c, mode)
    return test(c) || test(lowerOf(c, mode)) || test(capital) || test(lowerOf(capital, mode))
  }
}

/** How a reference back compares characters under `(?i)`: by their small letters. */
export function lowerOf(c: number, { ascii }: CharacterMode): number {
  if (c < 128 || ascii) return c >= 65 && c <= 90 ? c + 32 : c
  // The one letter whose small one is two to JavaScript and one to Python.
  return c === 0x130 ? 105 : single(String.fromCodePoint(c).toLowerCase(), c)
}

function upperOf(c: number, { ascii }: CharacterMode): number {
  if (c < 128 || ascii) return c >= 97 && c <= 122 ? c - 32 : c
  return single(String.fromCodePoint(c).toUpperCase(), c)
}

/** Letters of one small letter, or small letters of one capital such as ς and σ (re/_casefix.py). */
function isSameLetter(a: number, b: number, mode: CharacterMode): boolean {
  const [one, other] = [lowerOf(a, mode), lowerOf(b, mode)]
  if (one === other || mode.ascii) return one === other
  return String.fromCodePoint(one).toUpperCase() === String.fromCodePoint(other).toUpperCase()
}

function isAsciiDigit(c: number): boolean {
  return c >= 48 && c <= 57
}

function isDigit(c: number): boolean {
  return c < 128 ? isAsciiDigit(c) : /^\p{Nd}$/u.test(String.fromCodePoint(c))
}

function isAsciiSpace(c: number): boolean {
  return c === 32 || (c >= 9 && c <= 13)
}

/** What `str.isspace` says of one character, and `\s` matches. */
export function isSpace(c: number): boolean {
  return spaces.some(([from, to]) => c >= from && c <= to)
}

function single(text: string, otherwise: number): number {
  const c = text.codePointAt(0) ?? otherwise
  return String.fromCodePoint(c) === text ? c : otherwise
}
