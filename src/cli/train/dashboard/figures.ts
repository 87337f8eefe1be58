import { showBytes } from '../../../io/plan/memory-advice.ts'
import { duration } from '../../../trainer/progress/duration.ts'
import { padText, widthOf } from './cells.ts'
import type { Glyphs } from './glyphs.ts'
import type { Held, RunState } from './run-state.ts'
import { type Piece, piece, type StyledLine } from './styled-line.ts'

const labelWidth = 10

/** A line that begins with what it is about. */
export function labelled(label: string, ...pieces: readonly Piece[]): StyledLine {
  return [piece(` ${label.padEnd(labelWidth)}`, 'faint'), ...pieces]
}

/** What a run is, the most telling lines first; `order` of them is that of a screen. */
export function factLines({ facts, model, device, out }: RunState): readonly StyledLine[] {
  const told: readonly (readonly [label: string, text: string])[] = [
    ['model', facts?.model ?? model],
    ...(facts === null ? [] : [['method', facts.method] as const, ['data', facts.data] as const]),
    ...(device === '' ? [] : [['device', device] as const]),
    ['folder', out],
  ]
  return told.map(([label, text]) => labelled(label, piece(text)))
}

/** How far it is: a bar as wide as is left, a share, and words. */
export function barLine(state: RunState, width: number, glyphs: Glyphs): StyledLine {
  const { activity, report, facts } = state
  const steps = report === null || facts === null ? null : { share: report.step / facts.steps, at: report.step }
  const isTraining = activity.words === 'training'
  const share = isTraining ? (steps?.share ?? 0) : activity.share
  const pace = isTraining && facts !== null ? `${steps?.at ?? facts.firstStep}/${facts.steps} steps` : activity.pace
  const words = share === null ? pace : `${String(Math.floor(100 * share)).padStart(3)} %  ${pace}`
  const label = ` ${padText(activity.words, labelWidth)} `
  const room = Math.min(60, width - widthOf(label) - widthOf(words) - 3)
  if (share === null || room < 5) return [piece(label, 'strong'), piece(words)]
  const done = Math.round(Math.min(1, Math.max(0, share)) * room)
  const bar = [piece(glyphs.barDone.repeat(done), 'training'), piece(glyphs.barLeft.repeat(room - done), 'faint')]
  return [piece(label, 'strong'), ...bar, piece(` ${words}`)]
}

/** Numbers of the last step, in as many lines as they need. */
export function figureLines(state: RunState, width: number, now: number): readonly StyledLine[] {
  return flow(figuresOf(state, now), width)
}

function figuresOf(state: RunState, now: number): readonly (readonly [label: string, value: string])[] {
  const { facts, report, startedAt, reportedAt, memory, isPaused, ending } = state
  const until = ending === null ? now : Math.max(reportedAt, startedAt ?? 0)
  const held: readonly (readonly [string, string])[] = [
    ['memory', heldWords(memory.process)],
    ...(memory.device === null ? [] : [['on device', heldWords(memory.device)] as const]),
  ]
  if (startedAt === null) return held
  const elapsed = ['elapsed', duration((until - startedAt) / 1000)] as const
  if (report === null) return [elapsed, ...held]
  const { step, loss, learningRate, gradNorm, tokensPerSecond, seconds, secondsLeft, metrics = {} } = report
  const epochs = facts?.epochsPerStep ?? null
  const left = isPaused ? secondsLeft : secondsLeft - (until - reportedAt) / 1000
  return [
    ...(ending === null && reportedAt > 0 ? [['left', duration(left)] as const] : []),
    elapsed,
    ...(epochs === null ? [] : [['epoch', (step * epochs).toFixed(2)] as const]),
    ['speed', `${Math.round(tokensPerSecond).toLocaleString('en-US')} tokens/s`],
    ['step', seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`],
    ['loss', loss.toFixed(4)],
    ['rate', learningRate.toPrecision(2)],
    ['gradient', gradNorm.toPrecision(3)],
    ...held,
    ...Object.entries(metrics).map(([name, value]) => [name, value.toPrecision(3)] as const),
  ]
}

function heldWords({ bytes, peak }: Held): string {
  return `${showBytes(bytes)}, peak ${showBytes(peak)}`
}

/** Cells that numbers are given, so that lines keep their places when these grow. */
const usualWidths: Readonly<Record<string, number>> = {
  ...{ left: 7, elapsed: 7, epoch: 5, speed: 14, step: 6, loss: 7, rate: 8, gradient: 7 },
  ...{ memory: 25, 'on device': 25 },
}

/** Words with their labels, one behind another as long as a line has room. */
function flow(figures: readonly (readonly [label: string, value: string])[], width: number): readonly StyledLine[] {
  const lines: Piece[][] = []
  let room = 0
  for (const [label, told] of figures) {
    const value = told.padEnd(usualWidths[label] ?? 0)
    const needed = label.length + 1 + value.length
    const last = lines.at(-1)
    if (last === undefined || needed + 3 > room) {
      lines.push([piece(` ${label} `, 'faint'), piece(value)])
      room = width - 1 - needed
    } else {
      last.push(piece(`   ${label} `, 'faint'), piece(value))
      room -= needed + 3
    }
  }
  return lines
}
