import * as Plot from '@observablehq/plot'
import { drawPlot, inks, type Theme } from '../plot.ts'
import type { Experiment } from './arms.ts'
import { paper } from './arms.ts'
import { type Equal, resultsOf, verdictOf } from './describe-experiments.ts'
import type { ExperimentRecord } from './experiment-record.ts'

const panels: readonly (readonly [title: string, Experiment, Equal])[] = [
  ['baselines', 'baseline', 'steps'],
  ['adapters, equal steps', 'adapters', 'steps'],
  ['adapters, equal time', 'adapters', 'time'],
  ['bits of the base', 'bits', 'steps'],
]

/** By how much each arm's bits per byte are off the paper's adapter, with intervals, as an SVG for a page of text. */
export function experimentsPlot(record: ExperimentRecord, theme: Theme): string {
  const { ink, faint, first, grey } = inks[theme]
  const rows = panels.flatMap(([panel, experiment, equal]) =>
    resultsOf(record, experiment, equal).flatMap((result) => {
      if (result.beside === null) return []
      const { value, low, high } = result.beside.difference
      const isClear = ['better', 'worse'].includes(verdictOf(result))
      const { name } = result.arm
      return [{ place: `${panel}: ${name}`, panel, name, value, low: low ?? value, high: high ?? value, isClear }]
    }),
  )
  const headings = panels.flatMap(([panel]) =>
    rows.some((row) => row.panel === panel) ? [{ place: panel, panel }] : [],
  )
  const places = headings.flatMap(({ place, panel }) => {
    return [place, ...rows.filter((row) => row.panel === panel).map((row) => row.place)]
  })
  const stroke = ({ isClear }: { readonly isClear: boolean }) => (isClear ? first : grey)
  const label = { y: 'place', frameAnchor: 'left', textAnchor: 'end', dx: -8, fill: ink } as const
  return drawPlot(`Bits per byte of each arm less those of ${paper}`, theme, {
    ...{ width: 760, height: 74 + 18 * places.length, marginLeft: 210, marginRight: 30 },
    x: { label: `bits per byte less those of ${paper}; grey may be noise` },
    y: { domain: places, label: null, axis: null },
    marks: [
      Plot.gridX({ stroke: faint, strokeOpacity: 1 }),
      Plot.ruleX([0], { stroke: ink }),
      Plot.ruleY(rows, { y: 'place', x1: 'low', x2: 'high', stroke, strokeWidth: 2 }),
      Plot.dot(rows, { y: 'place', x: 'value', fill: stroke, r: 3.5 }),
      Plot.text(rows, { ...label, text: 'name' }),
      Plot.text(headings, { ...label, text: 'panel', fontWeight: 'bold' }),
    ],
  })
}
