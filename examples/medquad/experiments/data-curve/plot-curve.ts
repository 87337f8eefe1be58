import * as Plot from '@observablehq/plot'
import { curveBands, curveThrough, type Measurement } from './curve-bands.ts'
import { drawPlot, inks, type Theme } from '../../plot.ts'
import { count } from '../../words.ts'
import { baseValue, beyond, runValues, sizesOf } from './describe-curve.ts'
import type { CurveRecord } from './records.ts'

/** The ink of what is measured. */
const inkOf = { best: 'first', fixed: 'second' } as const

/** Pieces of a curve. */
const pieces = 60

const places = { x: 'size', y: 'value' } as const

/** Runs, the curves through their means with their bands, and the curve beyond them, as an SVG for a page of text. */
export function curvePlot(record: CurveRecord, theme: Theme, draws?: number): string {
  const { ink, faint, ...colours } = inks[theme]
  const sizes = sizesOf(record)
  const [least, largest, last] = [Math.min(...sizes), Math.max(...sizes), Math.max(...beyond)]
  const along = (from: number, to: number) => {
    return Array.from({ length: pieces + 1 }, (_, i) => from * (to / from) ** (i / pieces))
  }
  const base = baseValue(record)
  const bands = curveBands(record, 'best', along(least, last), draws)
  const curveOf = (which: Measurement, from: number, to: number, dashes = 'none') => {
    const { at } = curveThrough(record, which)
    const values = along(from, to).map((size) => ({ size, value: at(size) - base }))
    return Plot.line(values, { ...places, stroke: colours[inkOf[which]], strokeWidth: 2, strokeDasharray: dashes })
  }
  const runsOf = (which: Measurement, symbol: 'circle' | 'times') => {
    const runs = runValues(record, which).map(({ size, value }) => ({ size, value: value - base }))
    return Plot.dot(runs, { ...places, stroke: colours[inkOf[which]], r: 3, symbol })
  }
  const area = (key: 'overBase' | 'run', fillOpacity: number) => {
    const rows = bands.map(({ size, [key]: { low, high } }) => ({ size, low, high }))
    return Plot.areaY(rows, { x: 'size', y1: 'low', y2: 'high', fill: colours[inkOf.best], fillOpacity })
  }
  const [best, fixed] = [colours[inkOf.best], colours[inkOf.fixed]]
  const names = [
    { text: '○ at the lowest validation loss, with its 95% band and that of one more run', fill: best },
    { text: '- - where nothing was measured', fill: best },
    { text: `× after ${record.settings.fixedSteps} steps`, fill: fixed },
  ]
  return drawPlot('Bits per byte on unseen diseases by the number of training pairs', theme, {
    ...{ width: 720, height: 440, marginLeft: 56, marginBottom: 56, marginTop: 72 },
    x: {
      type: 'log',
      domain: [least, last],
      axis: null,
    },
    y: { label: 'bits per byte on unseen diseases, less those of the base', grid: false },
    marks: [
      // A logarithmic scale would leave out labels of its own accord.
      Plot.axisX([...sizes, ...beyond], { text: count, tickRotate: -35, label: 'training pairs' }),
      Plot.gridY({ stroke: faint, strokeOpacity: 1 }),
      area('run', 0.12),
      area('overBase', 0.18),
      Plot.ruleY([0], { stroke: ink, strokeDasharray: '2 3' }),
      Plot.text([{ size: last, value: 0 }], {
        ...{ ...places, text: () => 'the base, untrained', textAnchor: 'end', dy: -8, fill: ink },
      }),
      curveOf('fixed', least, largest),
      runsOf('fixed', 'times'),
      curveOf('best', least, largest),
      curveOf('best', largest, last, '5 4'),
      runsOf('best', 'circle'),
      ...names.map(({ text, fill }, i) =>
        Plot.text([text], { frameAnchor: 'top-left', dx: 6, dy: 16 * i - 52, fill, text: String }),
      ),
    ],
  })
}
