import { metricWords } from '../../../trainer/progress/training-line.ts'
import type { EvaluationEntry } from '../../../trainer/trainer-callback.ts'
import { duration } from '../../../trainer/progress/duration.ts'
import { cleanText, wrapText } from './cells.ts'
import { labelled } from './figures.ts'
import type { Glyphs } from './glyphs.ts'
import { offers, type Request, type RunState } from './run-state.ts'
import { piece, type StyledLine } from './styled-line.ts'

/** The last evaluations as a table, the best one among them and marked; columns that have no room are left out. */
export function evaluationLines(state: RunState, width: number, rows: number, glyphs: Glyphs): readonly StyledLine[] {
  const { evaluations, best } = state
  const last = evaluations.at(-1)
  if (last === undefined || rows < 2) return []
  const names = Object.keys(last.metrics).filter((name) => name !== 'evalTokens' && name !== 'evalSeconds')
  const titles = ['step', ...names.map(metricWords)]
  const shown = shownEntries(evaluations, best?.step ?? null, rows - 1)
  const cells = shown.map(({ step, metrics }) => [
    String(step),
    ...names.map((name) => metrics[name]?.toFixed(4) ?? ''),
  ])
  const widths = titles.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)))
  let room = width - 11 - ` ${glyphs.best} best`.length
  const columns = widths.filter((each) => (room -= each + 2) >= -2).length
  const line = (row: readonly string[]) =>
    row
      .slice(0, columns)
      .map((cell, i) => cell.padStart(widths[i] ?? 0))
      .join('  ')
  return [
    labelled('held-out', piece(line(titles), 'faint')),
    ...cells.map((row, i): StyledLine => {
      const isBest = shown[i]?.step === best?.step
      return isBest
        ? labelled('', piece(line(row), 'strong'), piece(` ${glyphs.best} best`, 'good'))
        : labelled('', piece(line(row)))
    }),
  ]
}

/** The newest that fit, with the best one in the place of the oldest of them where it is older. */
function shownEntries(all: readonly EvaluationEntry[], best: number | null, rows: number): readonly EvaluationEntry[] {
  const newest = all.slice(-rows)
  if (newest.some(({ step }) => step === best)) return newest
  const found = all.find(({ step }) => step === best)
  return found === undefined || rows < 2 ? newest : [found, ...all.slice(-(rows - 1))]
}

/** The checkpoints that were saved, the newest first. */
export function savedLine({ saved, ending }: RunState, now: number): StyledLine | null {
  const [newest, ...earlier] = saved.toReversed()
  if (newest === undefined) return null
  const ago = ending === null ? ` ${duration((now - newest.at) / 1000)} ago` : ''
  const others = earlier.slice(0, 8).map(({ step }) => `, checkpoint-${step}`)
  return labelled('saved', piece(`checkpoint-${newest.step}${ago}`, 'good'), piece(others.join('')))
}

/** The newest warnings that have room, the newest last; of one that has none whole its beginning. */
export function warningLines(
  { warnings }: RunState,
  width: number,
  rows: number,
  glyphs: Glyphs,
): readonly StyledLine[] {
  let shown: readonly StyledLine[] = []
  for (const text of warnings.toReversed()) {
    const lines = wrapText(cleanText(text), width - 12, glyphs.ellipsis).map((line, i) => {
      return labelled(i === 0 ? 'warning' : '', piece(line, 'warning'))
    })
    if (shown.length + lines.length > rows) return shown.length > 0 ? shown : lines.slice(0, rows)
    shown = [...lines, ...shown]
  }
  return shown
}

const keys: readonly (readonly [key: string, request: Request, words: string, help: string])[] = [
  ['s', 'save', 'save', 'saves a checkpoint after this step'],
  ['e', 'measure', 'measure', 'measures on the held-out rows after this step'],
  ['p', 'pause', 'pause', 'waits after this step, until p is pressed again'],
  [
    'q',
    'stop',
    'stop and save',
    'stops after this step and saves, so that resume goes on; a second time leaves at once',
  ],
]

/** What the keys do, or what they were pressed for. */
export function keysLine(state: RunState, hasKeys: boolean): StyledLine | null {
  const { asked, isPaused, ending, facts } = state
  if (ending !== null) return null
  if (asked.has('stop'))
    return [piece(' stopping after this step; once more leaves at once, without saving', 'warning')]
  const stops = facts?.canSave === true ? 'stops and saves' : 'stops'
  if (!hasKeys) return [piece(` Ctrl-C ${stops}`, 'faint')]
  const pieces = keys
    .filter(([, request]) => offers(state, request))
    .flatMap(([key, request, words]) => {
      const does =
        request === 'pause' && isPaused ? 'go on' : request === 'stop' && facts?.canSave !== true ? 'stop' : words
      const isAsked = asked.has(request)
      return [
        piece(` ${key}`, 'strong'),
        piece(isAsked ? ` ${does} after this step ` : ` ${does} `, isAsked ? 'warning' : 'faint'),
      ]
    })
  return [...pieces, piece(' ?', 'strong'), piece(' help', 'faint')]
}

/** What each key does, in a sentence. */
export function helpLines(state: RunState, width: number, glyphs: Glyphs): readonly StyledLine[] {
  const counts = '; it counts, as every evaluation does, for when the run ends or its rate falls'
  const heeds = state.facts?.heedsMeasurements === true ? counts : ''
  const told: readonly (readonly [key: string, words: string])[] = [
    ...keys
      .filter(([, request]) => offers(state, request))
      .map(([key, request, , help]) => [key, request === 'measure' ? help + heeds : help] as const),
    ['Ctrl-C', 'as q'],
    ['Ctrl-Z', 'puts the program aside; fg brings it back'],
    ['Ctrl-L', 'draws the screen anew'],
    ['?', 'goes back'],
  ]
  return told.flatMap(([key, words]) => {
    return wrapText(words, width - 12, glyphs.ellipsis).map((line, i) => labelled(i === 0 ? key : '', piece(line)))
  })
}
