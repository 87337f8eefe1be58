/** The letters that a dashboard draws with. */
export interface Glyphs {
  readonly ellipsis: string
  readonly barDone: string
  readonly barLeft: string
  readonly dot: string
  readonly best: string
  readonly heldOut: string
  readonly vertical: string
  readonly tick: string
  readonly corner: string
  readonly horizontal: string
  /** Dots of a cell of the curve, across and down, and the letter of some of them: bit `x + across * y` each. */
  readonly cell: { readonly across: number; readonly down: number; readonly letter: (dots: number) => string }
}

/** Unicode numbers the dots of braille column by column, the lowest row last. */
const brailleBits = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80]

const unicode: Glyphs = {
  ...{ ellipsis: '…', barDone: '█', barLeft: '░', dot: '·', best: '★', heldOut: '◆' },
  ...{ vertical: '│', tick: '┤', corner: '└', horizontal: '─' },
  cell: {
    ...{ across: 2, down: 4 },
    letter: (dots) =>
      String.fromCodePoint(brailleBits.reduce((code, bit, i) => ((dots >> i) & 1 ? code | bit : code), 0x2800)),
  },
}

const ascii: Glyphs = {
  ...{ ellipsis: '...', barDone: '#', barLeft: '.', dot: '-', best: '*', heldOut: 'o' },
  ...{ vertical: '|', tick: '+', corner: '+', horizontal: '-' },
  cell: { across: 1, down: 1, letter: () => '*' },
}

type Environment = Readonly<Record<string, string | undefined>>

/** Letters that a terminal has: none but ASCII where the locale says so, or the font of a console has no others. */
export function glyphsFor({ TERM, LC_ALL, LC_CTYPE, LANG }: Environment): Glyphs {
  // A locale that nobody has set is a container's as a rule, and the terminal around it reads UTF-8.
  const [locale] = [LC_ALL, LC_CTYPE, LANG].filter((each) => each !== undefined && each !== '')
  return TERM === 'linux' || (locale !== undefined && !/utf-?8/i.test(locale)) ? ascii : unicode
}
