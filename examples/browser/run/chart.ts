import { movingMean } from './moving-mean.ts'

/** A value after so many steps. */
export interface Point {
  readonly step: number
  readonly value: number
}

/** How one quantity is drawn. */
export interface Curve {
  readonly title: string
  /** Of the drawing, in pixels. */
  readonly height: number
  readonly points: readonly Point[]
  /** Of the scale's labels. */
  readonly digits: number
  /** Whether to put a moving mean through the points, which are then dots. */
  readonly isNoisy: boolean
  /** Whether the scale begins at 0. */
  readonly fromZero: boolean
}

const size = { left: 48, right: 10, top: 30, bottom: 24 }
/** More points than a screen has room for are thinned out. */
const mostPoints = 280

/**
 * Draws a curve over `steps` steps into an `<svg>`, as wide as that stands in the page, so that its words are as large
 * on a phone as elsewhere; colours come from the page's style sheet.
 */
export function drawCurve(svg: SVGSVGElement, curve: Curve, steps: number): void {
  const { title, height, points, digits, isNoisy } = curve
  const width = Math.max(160, svg.clientWidth)
  const marks = scaleOf(curve)
  const [low = 0, high = 1] = [marks[0], marks.at(-1)]
  const x = (step: number) => size.left + (step / Math.max(1, steps)) * (width - size.left - size.right)
  const y = (value: number) => height - size.bottom - ((value - low) / (high - low)) * (height - size.top - size.bottom)
  const dots = isNoisy ? thinned(points) : []
  const mean = thinned(isNoisy ? smoothed(points) : points)
  const line = mean.map(({ step, value }) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`)
  const format = (value: number) =>
    value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits })
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', described(title, points, format))
  svg.replaceChildren(
    text(size.left, 18, title, 'title', 'start'),
    ...marks.flatMap((value) => [
      shape('line', { class: 'grid', x1: size.left, x2: width - size.right, y1: y(value), y2: y(value) }),
      ...(points.length === 0 ? [] : [text(size.left - 6, y(value) + 4, format(value), 'label', 'end')]),
    ]),
    text(x(0), height - 6, 'step 0', 'label', 'start'),
    text(x(steps / 2), height - 6, String(Math.round(steps / 2)), 'label', 'middle'),
    text(x(steps), height - 6, String(steps), 'label', 'end'),
    ...dots.map(({ step, value }) => shape('circle', { class: 'dot', cx: x(step), cy: y(value), r: 2 })),
    shape('polyline', { class: 'curve', points: line.join(' ') }),
  )
}

/** Round values from below the least to above the most. */
function scaleOf({ points, digits, fromZero }: Curve): number[] {
  const values = points.map(({ value }) => value)
  const [least, most] = points.length === 0 ? [0, 1] : [fromZero ? 0 : Math.min(...values), Math.max(...values)]
  const apart = Math.max((most - least) / 3, 10 ** -digits)
  const power = 10 ** Math.floor(Math.log10(apart))
  const unit = power * ([1, 2, 5].find((factor) => factor * power >= apart) ?? 10)
  const first = Math.floor(least / unit)
  return Array.from({ length: Math.max(1, Math.ceil(most / unit) - first) + 1 }, (_, i) => (first + i) * unit)
}

function described(title: string, points: readonly Point[], format: (value: number) => string): string {
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last) return `${title}: nothing yet`
  return `${title}: ${format(first.value)} at step ${first.step}, ${format(last.value)} at step ${last.step}`
}

function smoothed(points: readonly Point[]): Point[] {
  const means = movingMean(points.map(({ value }) => value))
  return points.map(({ step, value }, i) => ({ step, value: means[i] ?? value }))
}

function thinned(points: readonly Point[]): readonly Point[] {
  const stride = Math.ceil(points.length / mostPoints)
  return points.filter((_, i) => i % stride === 0 || i === points.length - 1)
}

function text(x: number, y: number, content: string, name: string, anchor: string): SVGElement {
  const element = shape('text', { class: name, x, y, 'text-anchor': anchor })
  element.textContent = content
  return element
}

function shape(tag: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  return element
}
