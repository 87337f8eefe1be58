import * as Plot from '@observablehq/plot'
import { drawPlot, inks, type Theme } from '../../plot.ts'
import type { ArmFigures } from './describe-simulation.ts'
import { armNames } from './simulation-table.ts'

const shown = {
  learnt: 'learnt',
  forgottenStored: 'forgotten, in the store',
  forgottenElsewhere: 'forgotten, in no store',
}

/** Learnt and forgotten shares with their intervals, arm beside arm, as an SVG for a page of text. */
export function simulationPlot(figures: Readonly<Record<string, ArmFigures>>, theme: Theme): string {
  const { ink, faint, first } = inks[theme]
  const points = Object.entries(figures).flatMap(([arm, of]) =>
    (Object.keys(shown) as (keyof typeof shown)[]).flatMap((key) => {
      const share = of[key]
      return share === null ? [] : [{ figure: shown[key], arm: armNames[arm] ?? arm, ...share }]
    }),
  )
  const names = Object.keys(figures).map((arm) => armNames[arm] ?? arm)
  return drawPlot('Shares of facts that were learnt and forgotten, with their intervals', theme, {
    ...{
      width: 720,
      height: 240,
      marginLeft: 280,
      x: { domain: [0, 1], label: 'share of facts' },
    },
    y: { domain: names, label: null },
    ...{ fy: { domain: Object.values(shown), label: null, axis: null }, color: { legend: false } },
    marks: [
      Plot.gridX({ stroke: faint, strokeOpacity: 1 }),
      Plot.ruleY(points, { y: 'arm', fy: 'figure', x1: 'low', x2: 'high', stroke: first, strokeWidth: 2 }),
      Plot.dot(points, { y: 'arm', fy: 'figure', x: 'value', fill: first, r: 4 }),
      Plot.text(points, {
        ...{ y: 'arm', fy: 'figure', x: 1, dx: 8, textAnchor: 'start', fill: ink },
        text: (point: { readonly figure: string }) => point.figure,
      }),
    ],
    marginRight: 160,
  })
}
