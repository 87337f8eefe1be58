import * as Plot from '@observablehq/plot'
import { h, type VNode } from 'vue'
import { table } from './fields.ts'
import { dashOf, inkOf, PlotView } from './plot-view.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

/** A named line. */
export interface Series {
  readonly name: string
  readonly points: readonly Point[]
}

export interface LineChartOptions {
  /** What is drawn, in a few words. */
  readonly title: string
  readonly x: Plot.ScaleOptions & { readonly label: string }
  readonly y: Plot.ScaleOptions & { readonly label: string }
  readonly series: readonly Series[]
  /** Marks beside the lines. Default none. */
  readonly marks?: readonly Plot.Markish[]
  readonly format?: (value: number) => string
}

/** Lines with a legend, a sentence for screen readers, and all numbers in a table that opens. */
export function lineChart({ title, x, y, series, marks = [], format = three }: LineChartOptions): VNode {
  const options: Plot.PlotOptions = {
    ...{ x, y: { grid: true, ...y } },
    marks: [
      ...marks,
      ...series.flatMap(({ points }, i) => [
        Plot.lineY(points, { x: 'x', y: 'y', stroke: inkOf(i), strokeWidth: 2, strokeDasharray: dashOf(i) }),
        Plot.dot(points, { x: 'x', y: 'y', fill: inkOf(i), r: 2.5 }),
      ]),
    ],
  }
  const steps = [...new Set(series.flatMap(({ points }) => points.map((point) => point.x)))].sort((a, b) => a - b)
  const rows = steps.map((step) => [
    String(step),
    ...series.map(({ points }) => {
      const found = points.find((point) => point.x === step)
      return found === undefined ? '' : format(found.y)
    }),
  ])
  return h('figure', { class: 'live-chart' }, [
    h('figcaption', title),
    legend(series.map(({ name }) => name)),
    h(PlotView, { options, description: described(title, series, format) }),
    h('details', [h('summary', 'The numbers'), table(title, [x.label, ...series.map(({ name }) => name)], rows)]),
  ])
}

/** Names beside a piece of their line. */
export function legend(names: readonly string[]): VNode {
  return h(
    'ul',
    { class: 'live-legend' },
    names.map((name, i) =>
      h('li', { key: name }, [
        h('svg', { width: 26, height: 10, 'aria-hidden': 'true' }, [
          h('line', {
            ...{ x1: 0, x2: 26, y1: 5, y2: 5, 'stroke-width': 2.5 },
            style: { stroke: inkOf(i), strokeDasharray: dashOf(i) },
          }),
        ]),
        name,
      ]),
    ),
  )
}

function described(title: string, series: readonly Series[], format: (value: number) => string): string {
  const lines = series.map(({ name, points }) => {
    const [first, last] = [points[0], points.at(-1)]
    if (first === undefined || last === undefined) return `${name}: nothing yet`
    return `${name}: ${format(first.y)} at ${first.x}, ${format(last.y)} at ${last.x}`
  })
  return `${title}. ${lines.join('; ')}.`
}

/** Three figures. */
export const three = (value: number): string => String(Number(value.toPrecision(3)))

/** A share as a percentage. */
export const percent = (share: number): string => `${three(100 * share)}%`

/** 12,345. */
export const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
