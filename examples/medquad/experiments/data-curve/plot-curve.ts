import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { curveBands, curveThrough, type Measurement } from './curve-bands.ts'
import { count } from '../../words.ts'
import { baseValue, beyond, runValues, sizesOf } from './describe-curve.ts'
import type { CurveRecord } from './records.ts'

/** What a page's background asks for. */
export type Theme = 'light' | 'dark'

const inks = {
  light: { paper: '#ffffff', ink: '#333333', faint: '#dddddd', best: '#1b5e9e', fixed: '#b3541e' },
  dark: { paper: '#0d1117', ink: '#c9d1d9', faint: '#30363d', best: '#6cb0f5', fixed: '#f0a060' },
} as const

/** Pieces of a curve. */
const pieces = 60

const places = { x: 'size', y: 'value' } as const

/** Runs, the curves through their means with their bands, and the curve beyond them, as an SVG for a page of text. */
export function curvePlot(record: CurveRecord, theme: Theme, draws?: number): string {
  const { paper, ink, faint, ...colours } = inks[theme]
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
    return Plot.line(values, { ...places, stroke: colours[which], strokeWidth: 2, strokeDasharray: dashes })
  }
  const runsOf = (which: Measurement, symbol: 'circle' | 'times') => {
    const runs = runValues(record, which).map(({ size, value }) => ({ size, value: value - base }))
    return Plot.dot(runs, { ...places, stroke: colours[which], r: 3, symbol })
  }
  const area = (key: 'overBase' | 'run', fillOpacity: number) => {
    const rows = bands.map(({ size, [key]: { low, high } }) => ({ size, low, high }))
    return Plot.areaY(rows, { x: 'size', y1: 'low', y2: 'high', fill: colours.best, fillOpacity })
  }
  const steps = `after ${record.settings.fixedSteps} steps`
  const names = [
    {
      at: 0,
      text: '○ at the lowest validation loss; curve, its 95% band, and that of one more run; dashed where nothing was measured',
      fill: colours.best,
    },
    { at: 1, text: `× ${steps}`, fill: colours.fixed },
  ]
  const { document } = parseHTML('<html><body></body></html>')
  const plot = Plot.plot({
    ...{ document, width: 720, height: 440, marginLeft: 56, marginBottom: 56, marginTop: 64 },
    style: { background: paper, color: ink, fontSize: '12px', fontFamily: 'system-ui, sans-serif' },
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
      ...names.map(({ at, text, fill }) =>
        Plot.text([text], { frameAnchor: 'top-left', dx: 6, dy: 16 * at - 44, fill, text: String }),
      ),
    ],
  })
  plot.querySelector('style')?.remove()
  plot.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  plot.setAttribute('role', 'img')
  plot.setAttribute('aria-label', 'Bits per byte on unseen diseases by the number of training pairs')
  return `${plot.outerHTML}\n`
}
