import type { CoursePoint } from './course.ts'
import type { Glyphs } from './glyphs.ts'
import { type Piece, piece, type StyledLine } from './styled-line.ts'

/** What a curve shows. */
export interface CurveContent {
  readonly training: readonly CoursePoint[]
  readonly heldOut: readonly CoursePoint[]
  /** The step at which the axis ends. */
  readonly lastStep: number
}

/** Rows below which a curve says nothing. */
export const leastCurveRows = 4

/**
 * Losses over the steps: training as a line of dots, held-out as marks over it, with a scale on the left and one below.
 * @returns As many lines as `rows`; none where there is no number, or no room.
 */
export function curveLines(content: CurveContent, width: number, rows: number, glyphs: Glyphs): readonly StyledLine[] {
  const { training, heldOut, lastStep } = content
  const values = [...training, ...heldOut].map(({ value }) => value).filter(Number.isFinite)
  const height = rows - 1
  if (values.length === 0 || rows < leastCurveRows) return []
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const margin = (most - least) / 20 || Math.abs(most) / 20 || 1
  const [low, high] = [least - margin, most + margin]
  const labels = scaleLabels(low, high, height)
  const labelWidth = Math.max(...labels.map((label) => label.length))
  const across = width - labelWidth - 2
  if (across < 8) return []
  const { cell } = glyphs
  const [dotsAcross, dotsDown] = [across * cell.across, height * cell.down]
  const first = 1
  const x = (step: number) => {
    const share = lastStep <= first ? 0 : (step - first) / (lastStep - first)
    return Math.min(dotsAcross - 1, Math.max(0, Math.round(share * (dotsAcross - 1))))
  }
  const y = (value: number) => Math.min(dotsDown - 1, Math.floor(((high - value) / (high - low)) * dotsDown))
  const dots = new Uint8Array(across * height)
  const set = (column: number, row: number) => {
    const at = Math.floor(row / cell.down) * across + Math.floor(column / cell.across)
    dots[at] = (dots[at] ?? 0) | (1 << ((column % cell.across) + cell.across * (row % cell.down)))
  }
  drawLine(
    training.map(({ step, value }) => ({ column: x(step), value })),
    y,
    set,
  )
  const marks = new Set(
    heldOut.map(({ step, value }) => Math.floor(y(value) / cell.down) * across + Math.floor(x(step) / cell.across)),
  )
  const drawn = Array.from({ length: height }, (_, row): StyledLine => {
    const label = labels[row] ?? ''
    const axis = piece(`${label.padStart(labelWidth)} ${label === '' ? glyphs.vertical : glyphs.tick}`, 'faint')
    return [
      axis,
      ...rowPieces(across, (column) => {
        const at = row * across + column
        if (marks.has(at)) return piece(glyphs.heldOut, 'heldOut')
        const bits = dots[at] ?? 0
        return bits === 0 ? piece(' ') : piece(cell.letter(bits), 'training')
      }),
    ]
  })
  return [...drawn, [piece(stepScale(labelWidth, across, first, lastStep, glyphs), 'faint')]]
}

/** A dot for each column that has a number, the mean of its numbers, and what joins it to the one before. */
function drawLine(
  points: readonly { readonly column: number; readonly value: number }[],
  y: (value: number) => number,
  set: (column: number, row: number) => void,
): void {
  const columns = new Map<number, { sum: number; count: number }>()
  for (const { column, value } of points) {
    const { sum, count } = columns.get(column) ?? { sum: 0, count: 0 }
    columns.set(column, { sum: sum + value, count: count + 1 })
  }
  let before: { readonly column: number; readonly row: number } | null = null
  for (const [column, { sum, count }] of columns) {
    const row = y(sum / count)
    const from: { readonly column: number; readonly row: number } = before ?? { column, row }
    const reach = Math.max(1, Math.abs(column - from.column), Math.abs(row - from.row))
    for (let i = 0; i <= reach; i++) {
      const share = i / reach
      set(Math.round(from.column + share * (column - from.column)), Math.round(from.row + share * (row - from.row)))
    }
    before = { column, row }
  }
}

/** Cells of a row, with those of one style in one piece. */
function rowPieces(across: number, at: (column: number) => Piece): Piece[] {
  const pieces: Piece[] = []
  for (let column = 0; column < across; column++) {
    const next = at(column)
    const last = pieces.at(-1)
    if (last !== undefined && last.style === next.style)
      pieces[pieces.length - 1] = { ...last, text: last.text + next.text }
    else pieces.push(next)
  }
  return pieces
}

/** Numbers at every third row, the first and the last among them where there is room. */
function scaleLabels(low: number, high: number, height: number): readonly string[] {
  const each = (high - low) / height
  const digits = Math.min(6, Math.max(0, 1 + Math.ceil(-Math.log10(each))))
  return Array.from({ length: height }, (_, row) => {
    const isLast = row === height - 1
    const isTold = isLast || (row % 3 === 0 && height - 1 - row >= 2)
    return isTold ? (high - (row + 0.5) * each).toFixed(digits) : ''
  })
}

/** The axis of steps, in one line: `└ 1 ──── 60 ──── 120`. */
function stepScale(labelWidth: number, across: number, first: number, last: number, glyphs: Glyphs): string {
  const middle = Math.round((first + last) / 2)
  let line = glyphs.horizontal.repeat(across)
  const put = (text: string, at: number) => (line = line.slice(0, at) + text + line.slice(at + text.length))
  const [left, right] = [`${first} `, last > first ? ` step ${last}` : ' step']
  const between = ` ${middle} `
  put(left, 0)
  if (middle > first && middle < last && across > left.length + right.length + 2 * between.length) {
    put(between, Math.round((across - between.length) / 2))
  }
  put(right, Math.max(left.length, across - right.length))
  return `${' '.repeat(labelWidth + 1)}${glyphs.corner}${line}`
}
