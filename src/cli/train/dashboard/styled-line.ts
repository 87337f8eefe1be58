import { cleanText, clipText, widthOf } from './cells.ts'

/** How a piece of text stands out. Nothing is told by colour alone. */
export type Style = 'strong' | 'faint' | 'training' | 'heldOut' | 'good' | 'warning'

/** A piece of a line. */
export interface Piece {
  readonly text: string
  readonly style?: Style
}

/** A line of a screen, from left to right. */
export type StyledLine = readonly Piece[]

/** ECMA-48's attributes, of the terminal's own sixteen colours. */
const attributes: Readonly<Record<Style, string>> = {
  strong: '1',
  faint: '2',
  training: '36',
  heldOut: '35',
  good: '32',
  warning: '33',
}

export function piece(text: string, style?: Style): Piece {
  return style === undefined ? { text } : { text, style }
}

/**
 * A line as a terminal takes it, at most so many cells wide. What came from models and data can do nothing to the
 * terminal: each piece is cleaned here, by which everything goes that is shown.
 */
export function paintLine(
  line: StyledLine,
  width: number,
  look: { readonly ellipsis: string; readonly hasColors: boolean },
): string {
  let [painted, room] = ['', width]
  for (const { text, style } of line) {
    const clean = cleanText(text)
    const shown = clipText(clean, room, look.ellipsis)
    painted += style === undefined || !look.hasColors ? shown : `\u001b[${attributes[style]}m${shown}\u001b[0m`
    room -= widthOf(shown)
    if (shown !== clean) break
  }
  return painted
}
