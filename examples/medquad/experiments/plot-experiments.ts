import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import type { Experiment } from './arms.ts'
import { paper } from './arms.ts'
import { type Equal, resultsOf, verdictOf } from './describe-experiments.ts'
import type { ExperimentRecord } from './experiment-record.ts'

/** What a page's background asks for. */
export type Theme = 'light' | 'dark'

const inks = {
  light: { paper: '#ffffff', ink: '#333333', faint: '#dddddd', clear: '#1b5e9e', noise: '#888888' },
  dark: { paper: '#0d1117', ink: '#c9d1d9', faint: '#30363d', clear: '#6cb0f5', noise: '#8b949e' },
} as const

const panels: readonly (readonly [title: string, Experiment, Equal])[] = [
  ['baselines', 'baseline', 'steps'],
  ['adapters, equal steps', 'adapters', 'steps'],
  ['adapters, equal time', 'adapters', 'time'],
  ['bits of the base', 'bits', 'steps'],
]

/** By how much each arm's bits per byte are off the paper's adapter, with intervals, as an SVG for a page of text. */
export function experimentsPlot(record: ExperimentRecord, theme: Theme): string {
  const { paper: background, ink, faint, clear, noise } = inks[theme]
  const rows = panels.flatMap(([panel, experiment, equal]) =>
    resultsOf(record, experiment, equal).flatMap((result) => {
      if (result.beside === null) return []
      const { value, low, high } = result.beside.difference
      const isClear = ['better', 'worse'].includes(verdictOf(result))
      return [{ panel, name: result.arm.name, value, low: low ?? value, high: high ?? value, isClear }]
    }),
  )
  const names = [...new Set(rows.map(({ name }) => name))]
  const stroke = ({ isClear }: { readonly isClear: boolean }) => (isClear ? clear : noise)
  const { document } = parseHTML('<html><body></body></html>')
  const plot = Plot.plot({
    ...{ document, width: 760, height: 90 + 16 * rows.length + 40 * panels.length },
    ...{ marginLeft: 210, marginRight: 30, marginBottom: 44, marginTop: 30 },
    style: { background, color: ink, fontSize: '12px', fontFamily: 'system-ui, sans-serif' },
    x: { label: `bits per byte less those of ${paper}; grey may be noise`, grid: true },
    y: { domain: names, label: null, axis: null },
    fy: { domain: panels.map(([panel]) => panel), label: null, axis: null },
    marks: [
      Plot.gridX({ stroke: faint, strokeOpacity: 1 }),
      Plot.ruleX([0], { stroke: ink }),
      Plot.ruleY(rows, { fy: 'panel', y: 'name', x1: 'low', x2: 'high', stroke, strokeWidth: 2 }),
      Plot.dot(rows, { fy: 'panel', y: 'name', x: 'value', fill: stroke, r: 3.5 }),
      Plot.text(rows, {
        ...{ fy: 'panel', y: 'name', text: 'name', frameAnchor: 'left', textAnchor: 'end', dx: -8, fill: ink },
      }),
      Plot.text(
        panels.map(([panel]) => panel),
        { fy: (panel: string) => panel, text: (panel: string) => panel, frameAnchor: 'top-left', dy: -10, fill: ink },
      ),
    ],
  })
  plot.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  plot.setAttribute('role', 'img')
  plot.setAttribute('aria-label', `Bits per byte of each arm less those of ${paper}`)
  return `${plot.outerHTML}\n`
}
