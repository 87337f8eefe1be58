import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import type { ArmFigures } from './describe-simulation.ts'
import { armNames } from './simulation-table.ts'

const shown = {
  learnt: 'learnt',
  forgottenStored: 'forgotten, in the store',
  forgottenElsewhere: 'forgotten, in no store',
}

/** Learnt and forgotten shares with their intervals, arm beside arm, as an SVG by itself. */
export function simulationPlot(figures: Readonly<Record<string, ArmFigures>>): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const points = Object.entries(figures).flatMap(([arm, of]) =>
    (Object.keys(shown) as (keyof typeof shown)[]).flatMap((key) => {
      const share = of[key]
      return share === null ? [] : [{ figure: shown[key], arm: armNames[arm] ?? arm, ...share }]
    }),
  )
  const names = Object.keys(figures).map((arm) => armNames[arm] ?? arm)
  const svg = Plot.plot({
    ...{
      document,
      width: 720,
      height: 240,
      marginLeft: 250,
      x: { domain: [0, 1], grid: true, label: 'share of facts' },
    },
    y: { domain: names, label: null },
    ...{ fy: { domain: Object.values(shown), label: null, axis: null }, color: { legend: false } },
    marks: [
      Plot.ruleY(points, { y: 'arm', fy: 'figure', x1: 'low', x2: 'high', strokeWidth: 2 }),
      Plot.dot(points, { y: 'arm', fy: 'figure', x: 'value', fill: 'black', r: 4 }),
      Plot.text(points, {
        ...{ y: 'arm', fy: 'figure', x: 1, dx: 8, textAnchor: 'start' },
        text: (point: { readonly figure: string }) => point.figure,
      }),
    ],
    marginRight: 160,
  })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  return `${svg.outerHTML}\n`
}
