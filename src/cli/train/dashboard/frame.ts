import { barLine, factLines, figureLines } from './figures.ts'
import { curveLines, leastCurveRows } from './curve.ts'
import type { Glyphs } from './glyphs.ts'
import { evaluationLines, helpLines, keysLine, savedLine, warningLines } from './notes.ts'
import { heldOutLosses, type RunState } from './run-state.ts'
import { type Piece, piece, type StyledLine } from './styled-line.ts'

/** How a state is shown. */
export interface FrameOptions {
  readonly columns: number
  readonly rows: number
  readonly glyphs: Glyphs
  /** Whether somebody can press keys, and whether they asked what these do. */
  readonly hasKeys: boolean
  readonly isHelp: boolean
  /** Milliseconds of `Date.now`. */
  readonly now: number
}

/** A part of the screen. What is least `rank` gets its lines first, and keeps them where there are few. */
interface Section {
  readonly rank: number
  /** Lines without which it is not shown, and those that it makes use of. */
  readonly least: number
  readonly most: number
  /** Lines that it gets before others get their most. Default `most`. */
  readonly fair?: number
  readonly lines: (rows: number) => readonly StyledLine[]
}

const most = { evaluations: 9, warnings: 4, curve: 18 }
const fairCurve = 8

/** A state as a screen shows it, from the top; never more than `rows` lines. */
export function frameOf(state: RunState, options: FrameOptions): readonly StyledLine[] {
  const { columns, rows, glyphs, hasKeys, isHelp, now } = options
  const keys = keysLine(state, hasKeys)
  const title = titleLine(state)
  if (isHelp) return [title, ...helpLines(state, columns, glyphs)].slice(0, rows)
  const facts = factLines(state)
  const figures = figureLines(state, columns, now)
  const saved = savedLine(state, now)
  // At the end they are told in full, below.
  const warnings = state.ending === null ? warningLines(state, columns, most.warnings, glyphs) : []
  const evaluations = state.evaluations.length === 0 ? 0 : Math.min(most.evaluations, state.evaluations.length + 1)
  const heldOut = heldOutLosses(state.evaluations)
  const curve = {
    training: state.losses,
    heldOut,
    lastStep: Math.max(state.report?.step ?? 0, heldOut.at(-1)?.step ?? 0),
  }
  const curveRows = curve.training.length === 0 ? 0 : most.curve
  const sections: readonly Section[] = [
    section(0, [title]),
    { rank: 6, least: 1, most: facts.length, lines: (given) => facts.slice(0, given) },
    spaced(9),
    section(1, [barLine(state, columns, glyphs)]),
    { rank: 2, least: Math.min(2, figures.length), most: figures.length, lines: (given) => figures.slice(0, given) },
    spaced(8),
    ...(curveRows === 0
      ? []
      : [
          { rank: 4, least: 1, most: 1, lines: () => [legendLine(state, glyphs)] },
          {
            ...{ rank: 3, least: leastCurveRows, most: curveRows, fair: fairCurve },
            lines: (given: number) =>
              curveLines(curve, columns - 2, given, glyphs).map((line) => [piece(' '), ...line]),
          },
        ]),
    ...(evaluations === 0 ? [] : [spaced(10)]),
    { rank: 5, least: 2, most: evaluations, lines: (given) => evaluationLines(state, columns, given, glyphs) },
    section(7, saved === null ? [] : [saved]),
    { rank: 6, least: 1, most: warnings.length, lines: (given) => warningLines(state, columns, given, glyphs) },
    ...(keys === null ? [] : [spaced(11)]),
    section(0, keys === null ? [] : [keys]),
  ]
  return arranged(sections, rows)
}

function section(rank: number, lines: readonly StyledLine[]): Section {
  return { rank, least: lines.length, most: lines.length, lines: (rows) => lines.slice(0, rows) }
}

/** An empty line. */
function spaced(rank: number): Section {
  return section(rank, [[]])
}

/** Gives each section its least lines by rank, and what is left by rank too, at first up to its fair share. */
function arranged(sections: readonly Section[], rows: number): readonly StyledLine[] {
  const byRank = sections.filter(({ most }) => most > 0).toSorted((a, b) => a.rank - b.rank)
  const given = new Map<Section, number>()
  let left = rows
  for (const each of byRank) {
    const least = Math.min(each.least, each.most)
    if (least > left) continue
    given.set(each, least)
    left -= least
  }
  for (const upTo of [({ most, fair = most }: Section) => fair, ({ most }: Section) => most]) {
    for (const [each, has] of given) {
      const more = Math.min(left, Math.max(0, upTo(each) - has))
      given.set(each, has + more)
      left -= more
    }
  }
  return sections.flatMap((each) => each.lines(given.get(each) ?? 0).slice(0, given.get(each) ?? 0))
}

function titleLine({ command, ending, isPaused, asked, facts }: RunState): StyledLine {
  const from = (facts?.firstStep ?? 0) > 0 ? ` from step ${facts?.firstStep ?? 0}` : ''
  return [piece(` peft-medaware ${command}`, 'strong'), piece(from), ...statePieces()]

  function statePieces(): readonly Piece[] {
    if (ending === 'failed') return [piece('   ended by an error', 'warning')]
    if (ending === 'stopped') return [piece('   stopped', 'warning')]
    if (ending === 'done') return [piece('   done', 'good')]
    if (asked.has('stop')) return [piece('   stopping', 'warning')]
    return isPaused ? [piece('   paused', 'warning')] : []
  }
}

function legendLine({ losses, evaluations, report }: RunState, glyphs: Glyphs): StyledLine {
  const last = heldOutLosses(evaluations).at(-1)
  const { across, down, letter } = glyphs.cell
  // As the line of a curve looks that falls slowly.
  const line = letter(across * down === 1 ? 1 : 0b110000) + letter(across * down === 1 ? 1 : 0b11000000)
  const training = [
    piece(` ${line} `, 'training'),
    piece(`training ${(report?.loss ?? losses.at(-1)?.value ?? 0).toFixed(4)}`),
  ]
  const heldOut =
    last === undefined ? [] : [piece(`   ${glyphs.heldOut} `, 'heldOut'), piece(`held-out ${last.value.toFixed(4)}`)]
  return [piece(' loss ', 'strong'), ...training, ...heldOut]
}
