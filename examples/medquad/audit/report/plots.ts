import * as Plot from '@observablehq/plot'
import { drawPlot, inks } from '../../plot.ts'
import type { Audit } from '../audit-medquad.ts'
import type { Picture } from './section.ts'

const { first: blue, second: orange } = inks.light

/** Pairs of each collection, with and without an answer. */
export function collectionsPicture({ makeUp }: Audit): Picture {
  const rows = makeUp.collections.flatMap(({ name, pairs, answered }) => [
    { name, pairs: answered, kind: 'with an answer' },
    { name, pairs: pairs - answered, kind: 'answer withdrawn or empty' },
  ])
  return picture(
    'collections',
    'Pairs by collection: with an answer (blue), withdrawn or empty (orange)',
    'Bars: pairs of each collection, with an answer and without',
    {
      marginLeft: 210,
      x: { label: 'pairs', grid: true },
      y: { label: null, domain: makeUp.collections.map(({ name }) => name) },
      color: { legend: false, domain: ['with an answer', 'answer withdrawn or empty'], range: [blue, orange] },
      marks: [Plot.barX(rows, { x: 'pairs', y: 'name', fill: 'kind' }), Plot.ruleX([0])],
    },
  )
}

/** Answers by their words. */
export function lengthsPicture({ lengths: { histogram } }: Audit): Picture {
  const { step, answers } = histogram
  const rows = answers.map((count, i) => ({ answers: count, from: i * step, to: (i + 1) * step }))
  const last = answers.length * step - step
  return picture('lengths', 'Answers by length', `Histogram of answers by words; the last bar has all from ${last}`, {
    height: 300,
    x: { label: `words (the last bar: ${last} and more)` },
    y: { label: 'answers', grid: true },
    marks: [Plot.rectY(rows, { x1: 'from', x2: 'to', y: 'answers', fill: blue, inset: 0.5 }), Plot.ruleY([0])],
  })
}

/** Answers by the latest year that they name; null where none names any. */
export function yearsPicture({ years }: Audit): Picture | null {
  const rows = Object.entries(years.latest).map(([year, answers]) => ({ year: Number(year), answers }))
  if (rows.length === 0) return null
  return picture('years', 'The latest year that an answer names', 'Bars: answers by the latest year that they name', {
    height: 260,
    x: { label: 'year', tickFormat: (year: number) => String(year) },
    y: { label: 'answers', grid: true },
    marks: [
      Plot.rectY(rows, {
        x1: ({ year }: Row) => year - 0.45,
        x2: ({ year }: Row) => year + 0.45,
        y: 'answers',
        fill: blue,
      }),
      Plot.ruleY([0]),
    ],
  })
}

/** Diseases by the number of their questions. */
export function diseasesPicture({ diseases }: Audit): Picture {
  const rows = diseases.sizes.map(({ questions, diseases: count }, i) => {
    return { questions: i === diseases.sizes.length - 1 ? `${questions}+` : String(questions), diseases: count }
  })
  return picture(
    'diseases',
    'Diseases by the number of their questions',
    'Bars: how many diseases have so many questions',
    {
      height: 260,
      x: { label: 'questions', domain: rows.map(({ questions }) => questions) },
      y: { label: 'diseases', grid: true },
      marks: [Plot.barY(rows, { x: 'questions', y: 'diseases', fill: blue }), Plot.ruleY([0])],
    },
  )
}

interface Row {
  readonly year: number
}

function picture(name: string, title: string, description: string, options: Plot.PlotOptions): Picture {
  return { name, title, description, svg: drawPlot(description, 'light', { width: 720, ...options }) }
}
