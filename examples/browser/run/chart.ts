/** A value after so many steps. */
export interface Point {
  readonly step: number
  readonly value: number
}

/** Values of one kind. */
export interface Series {
  /** For the legend, and the name of its class in the style sheet. */
  readonly name: string
  /** Dots, a line, or a line with a mark at each value. */
  readonly kind: 'dots' | 'line' | 'marks'
  readonly points: readonly Point[]
}

/** How some series are drawn over the steps. */
export interface Chart {
  readonly title: string
  /** Of the drawing, in pixels. */
  readonly height: number
  /** A value of the scale in words. */
  readonly format: (value: number) => string
  /** Whether the scale begins at 0. */
  readonly fromZero: boolean
  readonly series: readonly Series[]
}

const size = { left: 56, right: 10, top: 12, bottom: 24 }
/** More points than a screen has room for are thinned out. */
const mostPoints = 280

/**
 * Draws a chart over `steps` steps into an `<svg>`, as wide as that stands in the page, so that its words are as large
 * on a phone as elsewhere; colours come from the page's style sheet.
 */
export function drawChart(svg: SVGSVGElement, chart: Chart, steps: number): void {
  const { height, format, series } = chart
  const width = Math.max(160, svg.clientWidth)
  const hasPoints = series.some(({ points }) => points.length > 0)
  const marks = scaleOf(chart)
  const [low = 0, high = 1] = [marks[0], marks.at(-1)]
  const x = (step: number) => size.left + (step / Math.max(1, steps)) * (width - size.left - size.right)
  const y = (value: number) => height - size.bottom - ((value - low) / (high - low)) * (height - size.top - size.bottom)
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', described(chart))
  svg.replaceChildren(
    ...marks.flatMap((value) => [
      shape('line', { class: 'grid', x1: size.left, x2: width - size.right, y1: y(value), y2: y(value) }),
      ...(hasPoints ? [text(size.left - 6, y(value) + 4, format(value), 'end')] : []),
    ]),
    text(x(0), height - 6, 'step 0', 'start'),
    text(x(steps / 2), height - 6, String(Math.round(steps / 2)), 'middle'),
    text(x(steps), height - 6, String(steps), 'end'),
    ...series.flatMap((each) => drawn(each, x, y)),
  )
}

/** The first and the last value of each series, in a sentence. */
export function described({ title, format, series }: Chart): string {
  const parts = series
    .filter(({ kind }) => kind !== 'line' || series.length === 1)
    .flatMap(({ name, points }, i) => {
      const [first, last] = [points[0], points.at(-1)]
      if (!first || !last) return []
      const values = `${format(first.value)} at step ${first.step}, ${format(last.value)} at step ${last.step}`
      return [i === 0 ? values : `${name} ${values}`]
    })
  return `${title}: ${parts.length === 0 ? 'nothing yet' : parts.join('; ')}`
}

type Scale = (value: number) => number

function drawn({ name, kind, points }: Series, x: Scale, y: Scale): SVGElement[] {
  const some = thinned(points.filter(({ value }) => Number.isFinite(value)))
  const at = some.map(({ step, value }) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`)
  const line = shape('polyline', { class: `curve ${name}`, points: at.join(' ') })
  const dots = some.map(({ step, value }) => {
    return shape('circle', { class: `dot ${name}`, cx: x(step), cy: y(value), r: kind === 'dots' ? 2 : 3.5 })
  })
  if (kind === 'dots') return dots
  return kind === 'marks' ? [line, ...dots] : [line]
}

/** Round values from below the least to above the most. */
function scaleOf({ series, fromZero }: Chart): number[] {
  const values = series.flatMap(({ points }) => points.map(({ value }) => value)).filter(Number.isFinite)
  const least = fromZero ? 0 : values.reduce((a, b) => Math.min(a, b), Infinity)
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity)
  if (values.length === 0) return [0, 1]
  const apart = Math.max((most - least) / 3, Math.abs(most) / 1000, Number.MIN_VALUE)
  const power = 10 ** Math.floor(Math.log10(apart))
  const unit = power * ([1, 2, 5].find((factor) => factor * power >= apart) ?? 10)
  const first = Math.floor(least / unit)
  return Array.from({ length: Math.max(1, Math.ceil(most / unit) - first) + 1 }, (_, i) => (first + i) * unit)
}

/** At most so many as a screen has room for, the last one among them. */
export function thinned<T>(points: readonly T[], most = mostPoints): readonly T[] {
  const stride = Math.ceil(points.length / most)
  return points.filter((_, i) => i % stride === 0 || i === points.length - 1)
}

function text(x: number, y: number, content: string, anchor: string): SVGElement {
  const element = shape('text', { class: 'label', x, y, 'text-anchor': anchor })
  element.textContent = content
  return element
}

function shape(tag: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  return element
}
