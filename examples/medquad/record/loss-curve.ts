/** A line of log.jsonl: of a step, or of an evaluation. */
export interface LogEntry {
  readonly step: number
  readonly loss?: number
  readonly eval_loss?: number
}

interface Point {
  readonly step: number
  readonly value: number
}

/** Where in the picture a chart stands. */
interface Panel {
  readonly title: string
  readonly top: number
  readonly height: number
  readonly points: readonly Point[]
}

const [width, height, left, right] = [720, 420, 56, 708]

/** The validation loss, and below it the loss of each step, in nats a token: an SVG for a page of text. */
export function lossCurve(entries: readonly LogEntry[]): string {
  const pointsOf = (key: 'loss' | 'eval_loss') => {
    return entries.flatMap(({ step, [key]: value }): Point[] => (value === undefined ? [] : [{ step, value }]))
  }
  const last = Math.max(1, ...entries.map(({ step }) => step))
  const x = (step: number) => left + (step / last) * (right - left)
  const validation = { title: 'Validation loss, on diseases it is not trained on', top: 30, height: 152 }
  const training = { title: 'Training loss', top: 220, height: 152 }
  const stops = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * last))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Validation and training loss by step" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...panel({ ...validation, points: pointsOf('eval_loss') }, x, true),
    ...panel({ ...training, points: pointsOf('loss') }, x, false),
    ...stops.map((step) => text(x(step), 396, 'middle', String(step))),
    text(width / 2, 414, 'middle', 'optimiser step (loss in nats a token)'),
    '</svg>\n',
  ].join('\n')
}

function panel({ title, top, height: tall, points }: Panel, x: (step: number) => number, isLine: boolean): string[] {
  const values = points.map(({ value }) => value)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const y = (value: number) => top + tall - ((value - low) / (high - low || 1)) * tall
  const levels = [0, 1 / 3, 2 / 3, 1].map((share) => low + share * (high - low))
  const places = points.map(({ step, value }) => [x(step).toFixed(1), y(value).toFixed(1)] as const)
  const [radius, colour] = isLine ? [3, '#1b5e9e'] : [2, '#8fb8de']
  const line = places.map((place) => place.join(',')).join(' ')
  return [
    text(left, top - 12, 'start', title),
    ...levels.flatMap((level) => {
      const at = y(level).toFixed(1)
      const rule = `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" stroke="#dddddd"/>`
      return rule + text(left - 8, y(level) + 4, 'end', level.toFixed(2))
    }),
    ...(isLine ? [`<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"/>`] : []),
    ...places.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="${radius}" fill="${colour}"/>`),
  ]
}

function text(x: number, y: number, anchor: string, content: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#444444">${content}</text>`
}
