import { find } from '../find.ts'
import { type Chart, described, drawChart, thinned } from './chart.ts'

/** Rows of a table from which on some are left out. */
const mostRows = 200

/** A chart with its legend, what it shows in a sentence, and its numbers as a table that can be opened. */
export class ChartFigure {
  readonly #svg: SVGSVGElement
  readonly #summary: HTMLElement
  readonly #details: HTMLDetailsElement
  #last: { readonly chart: Chart; readonly steps: number } | null = null

  /** @param name `curve-<name>` is the `<figure>`, with an `<svg>`, a `.summary` and `<details>`. */
  constructor(name: string) {
    const figure = find(`curve-${name}`, HTMLElement)
    this.#svg = find(`${name}-chart`, SVGSVGElement)
    this.#summary = inside(figure, '.summary', HTMLElement)
    this.#details = inside(figure, 'details', HTMLDetailsElement)
    this.#details.addEventListener('toggle', () => this.#fillTable())
  }

  draw(chart: Chart, steps: number): void {
    this.#last = { chart, steps }
    drawChart(this.#svg, chart, steps)
    this.#summary.textContent = `${described(chart)}.`
    this.#fillTable()
  }

  /** A closed table costs nothing. */
  #fillTable(): void {
    if (this.#last === null || !this.#details.open) return
    const { title, series, format } = this.#last.chart
    const steps = [...new Set(series.flatMap(({ points }) => points.map(({ step }) => step)))].sort((a, b) => a - b)
    const values = series.map(({ points }) => new Map(points.map(({ step, value }) => [step, value])))
    const shown = thinned(steps, mostRows)
    const table = document.createElement('table')
    const caption = table.createCaption()
    caption.textContent = shown.length < steps.length ? `${title}, ${shown.length} of ${steps.length} steps` : title
    table.createTHead().append(rowOf('th', ['step', ...series.map(({ name }) => name.replaceAll('-', ' '))]))
    const cells = (step: number) => values.map((each) => (each.has(step) ? format(each.get(step) ?? NaN) : ''))
    table.createTBody().append(...shown.map((step) => rowOf('td', [String(step), ...cells(step)])))
    inside(this.#details, '.numbers', HTMLElement).replaceChildren(table)
  }
}

function rowOf(tag: 'td' | 'th', contents: readonly string[]): HTMLTableRowElement {
  const row = document.createElement('tr')
  for (const content of contents) {
    const cell = document.createElement(tag)
    if (cell.tagName === 'TH') cell.scope = 'col'
    cell.textContent = content
    row.append(cell)
  }
  return row
}

function inside<T extends Element>(parent: Element, selector: string, type: new () => T): T {
  const found = parent.querySelector(selector)
  if (found instanceof type) return found
  throw new Error(`#${parent.id} has no ${selector}`)
}
