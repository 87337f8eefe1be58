import { type Html, markup } from './markup.ts'
import { type Point, shownNumber, ticksOf } from './series.ts'

/** Numbers by step, and how they are drawn. */
export interface Series {
  readonly label: string
  /** Dots, a line, or a line with a mark at each number. */
  readonly kind: 'dots' | 'line' | 'marks'
  readonly points: readonly Point[]
}

/** A chart of some series over the steps. */
export interface ChartContent {
  readonly title: string
  /** What its numbers are in. */
  readonly unit: string
  /** Whether its axis begins at zero. */
  readonly isFromZero: boolean
  readonly series: readonly Series[]
}

const size = { width: 720, height: 260, left: 64, right: 14, top: 12, bottom: 42 }

/**
 * A chart as a figure with an SVG that is read without a script: axes with round numbers, and a sentence of what it
 * shows for who does not see it. @param steps Of the whole run, where the axis ends.
 */
export function chart({ title, unit, isFromZero, series }: ChartContent, steps: number): Html {
  const shown = series.filter(({ points }) => points.length > 0)
  const values = shown.flatMap(({ points }) => points.map(({ value }) => value))
  const { low, high } = rangeOf(values, isFromZero)
  const last = Math.max(1, steps)
  const [bottom, right] = [size.height - size.bottom, size.width - size.right]
  const x = (step: number) => (size.left + (step / last) * (right - size.left)).toFixed(1)
  const y = (value: number) => (bottom - ((value - low) / (high - low)) * (bottom - size.top)).toFixed(1)
  const levels = ticksOf(low, high, 4).map((tick) => {
    const at = y(tick)
    return markup`<line class="grid" x1="${size.left}" x2="${right}" y1="${at}" y2="${at}"/>${label(size.left - 8, at, 'end', tick)}`
  })
  const counts = ticksOf(0, last, 4).filter(Number.isInteger)
  const stops = counts.map((tick) => {
    const at = x(tick)
    return markup`<line class="axis" x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 4}"/>${label(at, bottom + 14, 'middle', tick)}`
  })
  const drawn = shown.map((each, i) => markup`<g class="series-${i}">${drawing(each, x, y)}</g>`)
  // One curve is what the title says.
  const keys = shown.length === 1 ? [] : shown
  const legend = keys.map(({ label, kind }, i) => markup`<span class="key">${symbol(kind, i)} ${label}</span>`)
  return markup`<figure class="${shown.length === 1 ? 'plain' : 'several'}">
<figcaption><b>${title}</b> <span class="unit">(${unit})</span> ${legend}</figcaption>
<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${title}: ${shown.map(described).join('; ')}">
${levels}
<line class="axis" x1="${size.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>
${stops}
<text x="${(size.left + right) / 2}" y="${size.height - 6}" text-anchor="middle">step</text>
${drawn}
</svg>
</figure>`
}

function label(x: number | string, y: number | string, anchor: 'end' | 'middle', value: number): Html {
  return markup`<text x="${x}" y="${y}" dy="0.32em" text-anchor="${anchor}">${shownNumber(value)}</text>`
}

function rangeOf(values: readonly number[], isFromZero: boolean) {
  const least = values.reduce((a, b) => Math.min(a, b), Infinity)
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity)
  const margin = (most - least) / 20 || Math.abs(most) / 10 || 1
  return { low: isFromZero && least >= 0 ? 0 : least - margin, high: most + margin }
}

type Scale = (value: number) => string

function drawing({ kind, points }: Series, x: Scale, y: Scale): Html {
  const line = markup`<polyline points="${points.map(({ step, value }) => `${x(step)},${y(value)}`).join(' ')}"/>`
  const dots = points.map(
    ({ step, value }) => markup`<circle cx="${x(step)}" cy="${y(value)}" r="${kind === 'dots' ? 2 : 3}"/>`,
  )
  if (kind === 'dots') return markup`${dots}`
  // One point makes no line.
  return kind === 'marks' || points.length === 1 ? markup`${line}${dots}` : line
}

function symbol(kind: Series['kind'], i: number): Html {
  const line = markup`<polyline points="0,6 22,6"/>`
  const dot = markup`<circle cx="11" cy="6" r="3"/>`
  const content = kind === 'dots' ? dot : kind === 'line' ? line : markup`${line}${dot}`
  return markup`<svg class="symbol series-${i}" viewBox="0 0 22 12" aria-hidden="true">${content}</svg>`
}

function described({ label, points }: Series): string {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return `${label}, none`
  const value = ({ step, value: number }: Point) => `${shownNumber(number)} at step ${shownNumber(Math.round(step))}`
  return `${label} from ${value(first)} to ${value(last)}`
}
