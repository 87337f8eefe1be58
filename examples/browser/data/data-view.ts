import { count } from '../../medquad/words.ts'
import { button, find, say } from '../find.ts'
import { setRows } from '../table-rows.ts'
import type { Show, ShownRow } from './pair-table.ts'
import type { Reading } from './reading.ts'
import { reasons } from './reasons.ts'

/** Rows of a page of the table. */
const perPage = 5

/** The tables of what was read: files, why rows were left out, and the rows themselves, a page at a time. */
export class DataView {
  readonly #box = find('data-tables', HTMLElement)
  readonly #show = find('rows-show', HTMLSelectElement)
  #reading: Reading | null = null
  #from = 0

  constructor() {
    this.#show.addEventListener('change', () => this.#turnTo(0))
    button('rows-before').addEventListener('click', () => this.#turnTo(this.#from - perPage))
    button('rows-after').addEventListener('click', () => this.#turnTo(this.#from + perPage))
  }

  /** Shows what was read, from its first rows on; null hides the tables. */
  show(reading: Reading | null): void {
    this.#reading = reading
    this.#box.hidden = reading === null
    if (reading === null) return
    const { files, rows, kept, reasons: left } = reading.summary
    const named = files.map(({ name, ...counts }) => ({ name: name === '' ? 'The text above' : name, ...counts }))
    if (files.length > 1) named.push({ name: 'All', rows, kept })
    setRows(
      find('files-rows', HTMLTableSectionElement),
      named.map((file) => [file.name, file.rows, file.kept, file.rows - file.kept]),
    )
    find('reasons', HTMLElement).hidden = left.length === 0
    setRows(
      find('reasons-rows', HTMLTableSectionElement),
      left.map(([reason, number]) => [reasons[reason], number]),
    )
    this.#setChoices(kept, left)
    this.#turnTo(0)
  }

  /** What can be shown, with the numbers; the choice stays where it still is one. */
  #setChoices(kept: number, left: Reading['summary']['reasons']): void {
    const dropped = left.reduce((sum, [, number]) => sum + number, 0)
    const choices: [Show, string][] = [['kept', `Kept (${count(kept)})`]]
    if (dropped > 0) choices.push(['dropped', `Left out (${count(dropped)})`])
    if (left.length > 1)
      for (const [reason, number] of left) choices.push([reason, `${reasons[reason]} (${count(number)})`])
    const before = this.#show.value
    this.#show.replaceChildren(...choices.map(([value, text]) => new Option(text, value)))
    this.#show.value = choices.some(([value]) => value === before) ? before : 'kept'
  }

  #turnTo(from: number): void {
    const reading = this.#reading
    // Only the choices above are options.
    const show = this.#show.value as Show
    void reading?.page(show, from, perPage).then(({ rows, total }) => {
      if (this.#reading === reading && this.#show.value === show) this.#setPage(show, from, rows, total)
    })
  }

  #setPage(show: Show, from: number, rows: readonly ShownRow[], total: number): void {
    this.#from = from
    find('rows-reason', HTMLElement).hidden = show === 'kept'
    const isOne = (this.#reading?.summary.files.length ?? 0) < 2
    setRows(
      find('rows-rows', HTMLTableSectionElement),
      rows.map(({ file, where, question, answer, reason, detail }) => [
        isOne ? where : `${file}, ${where}`,
        clipped(question),
        clipped(answer),
        ...(reason === null ? [] : [detail ?? reasons[reason]]),
      ]),
    )
    const to = from + rows.length
    say('rows-place', total === 0 ? 'No rows' : `${count(from + 1)} to ${count(to)} of ${count(total)}`)
    button('rows-before').disabled = from === 0
    button('rows-after').disabled = to >= total
  }
}

/** A text of which the style shows a few lines. */
function clipped(text: string): HTMLElement {
  const box = document.createElement('div')
  box.className = 'clipped'
  box.textContent = text
  return box
}
