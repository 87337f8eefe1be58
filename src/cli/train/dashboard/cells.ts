import { stripVTControlCharacters } from 'node:util'
import { eastAsianWidth } from 'get-east-asian-width'

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
/** ASCII and what a dashboard draws with: one cell each, and harmless. */
const plain = /^[ -~·…─-▟★◆\u2800-\u28ff]*$/
/** What moves the cursor, or the order in which letters are shown; the joiner of emoji alone is needed. */
const controls = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?!\u200d)\p{Cf}/gu
const emoji = /\p{Emoji_Presentation}|\ufe0f/u
const marksAlone = /^[\p{M}\u200d]+$/u

/** A text of anyone's as one line: without escape sequences, control characters and marks that turn its direction. */
export function cleanText(text: string): string {
  if (plain.test(text)) return text
  return stripVTControlCharacters(text)
    .replaceAll(/[\t\n\r\v\f]+/g, ' ')
    .replaceAll(controls, '')
}

/** Cells of a terminal that a clean text takes: two for East Asian letters and emoji, none for marks on a letter. */
export function widthOf(text: string): number {
  if (plain.test(text)) return text.length
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += cellsOf(segment)
  return width
}

/** A clean text in at most so many cells, with an ellipsis where something is cut off. */
export function clipText(text: string, width: number, ellipsis: string): string {
  if (widthOf(text) <= width) return text
  const room = width - widthOf(ellipsis)
  if (room < 0) return ''
  if (plain.test(text)) return text.slice(0, room) + ellipsis
  let [kept, used] = ['', 0]
  for (const { segment } of segmenter.segment(text)) {
    used += cellsOf(segment)
    if (used > room) break
    kept += segment
  }
  return kept + ellipsis
}

/** A text with blanks behind it, as wide as asked. */
export function padText(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** A text broken between words into lines of at most so many cells; a word that is longer is clipped. */
export function wrapText(text: string, width: number, ellipsis: string): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ').filter((each) => each !== '')) {
    const last = lines.at(-1)
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(clipText(word, width, ellipsis))
  }
  return lines
}

function cellsOf(grapheme: string): number {
  if (emoji.test(grapheme)) return 2
  return marksAlone.test(grapheme) ? 0 : eastAsianWidth(grapheme.codePointAt(0) ?? 0)
}
