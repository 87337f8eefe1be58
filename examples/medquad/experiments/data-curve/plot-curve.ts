import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { curveBands, curveThrough, type Measurement } from './curve-bands.ts'
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
    const values = along(from, to).map((size) => ({ size, value: at(size) }))
    return Plot.line(values, { ...places, stroke: colours[which], strokeWidth: 2, strokeDasharray: dashes })
  }
  const runsOf = (which: Measurement, symbol: 'circle' | 'times') => {
    return Plot.dot(runValues(record, which), { ...places, stroke: colours[which], r: 3, symbol })
  }
  const area = (key: 'curve' | 'run', fillOpacity: number) => {
    const rows = bands.map(({ size, [key]: { low, high } }) => ({ size, low, high }))
    return Plot.areaY(rows, { x: 'size', y1: 'low', y2: 'high', fill: colours.best, fillOpacity })
  }
  const steps = `after ${record.settings.fixedSteps} steps`
  const names = [
    { at: 0, text: '○ at the lowest validation loss; dashed beyond what was measured', fill: colours.best },
    { at: 1, text: `× ${steps}`, fill: colours.fixed },
  ]
  const { document } = parseHTML('<html><body></body></html>')
  const plot = Plot.plot({
    ...{ document, width: 720, height: 440, marginLeft: 56, marginBottom: 44, marginTop: 64 },
    style: { background: paper, color: ink, fontSize: '12px', fontFamily: 'system-ui, sans-serif' },
    x: {
      type: 'log',
      label: 'training pairs',
      domain: [least, last],
      ticks: [...sizes.filter((_, i) => i % 2 === 0 || i === sizes.length - 1), ...beyond],
      tickFormat: (size: number) => size.toLocaleString('en-US'),
    },
    y: { label: 'bits per byte on unseen diseases', grid: true },
    marks: [
      Plot.gridY({ stroke: faint, strokeOpacity: 1 }),
      area('run', 0.12),
      area('curve', 0.18),
      Plot.ruleY([base], { stroke: ink, strokeDasharray: '2 3' }),
      Plot.text([{ size: least, value: base }], {
        ...{ ...places, text: () => 'the base, untrained', textAnchor: 'start', dy: -8, fill: ink },
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
  plot.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  plot.setAttribute('role', 'img')
  plot.setAttribute('aria-label', 'Bits per byte on unseen diseases by the number of training pairs')
  return `${plot.outerHTML}\n`
}
