/** What stands in a cell: a text, a number that is set flush right, or elements. */
export type Cell = string | number | Node

/** A row of a table, its first cell as the row's head. Texts are set as texts, never as HTML. */
export function tableRow(cells: readonly Cell[]): HTMLTableRowElement {
  const row = document.createElement('tr')
  for (const [i, cell] of cells.entries()) {
    const element = document.createElement(i === 0 ? 'th' : 'td')
    if (i === 0) element.scope = 'row'
    if (typeof cell === 'number') element.className = 'number'
    element.append(typeof cell === 'number' ? cell.toLocaleString('en-US') : cell)
    row.append(element)
  }
  return row
}

/** Puts rows in the place of those that are there. */
export function setRows(body: HTMLTableSectionElement, rows: readonly (readonly Cell[])[]): void {
  body.replaceChildren(...rows.map(tableRow))
}
