import { cell, lead, numberColumns, type Section, type Table } from './section.ts'

/** The report as one page that asks nothing of any server, and can be read without its script. */
export function pageOf(title: string, sections: readonly Section[]): string {
  const ids = sections.map(({ title: name }) =>
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, ''),
  )
  const links = sections.map(({ title: name }, i) => `<li><a href="#${ids[i]}">${escape(name)}</a></li>`)
  const parts = sections.map((section, i) => sectionOf(section, ids[i] ?? ''))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
<p>${escape(lead)}</p>
<nav aria-label="Contents"><ol>${links.join('')}</ol></nav>
${parts.join('\n')}
</main>
<script>${script}</script>
</body>
</html>
`
}

function sectionOf({ title, paragraphs, pictures = [], tables = [] }: Section, id: string): string {
  return [
    `<section aria-labelledby="${id}">`,
    `<h2 id="${id}">${escape(title)}</h2>`,
    ...paragraphs.map((text) => `<p>${escape(text)}</p>`),
    ...pictures.map((one) => `<figure>${one.svg}<figcaption>${escape(one.title)}</figcaption></figure>`),
    ...tables.map(tableOf),
    '</section>',
  ].join('\n')
}

function tableOf(table: Table): string {
  const { caption, columns, rows } = table
  const right = numberColumns(table).map((isRight) => (isRight ? ' class="n"' : ''))
  const heads = columns.map((name, i) => `<th scope="col"${right[i]}>${escape(name)}</th>`).join('')
  const body = rows.map((row) => {
    const cells = row.map((value, i) => {
      if (i === 0) return `<th scope="row">${escape(cell(value))}</th>`
      const number = typeof value === 'number' ? ` data-n="${value}"` : ''
      return `<td${right[i]}${number}>${escape(cell(value))}</td>`
    })
    return `<tr>${cells.join('')}</tr>`
  })
  return [
    `<div class="wide" role="region" tabindex="0" aria-label="${escape(caption)}"><table>`,
    `<caption>${escape(caption)}</caption>`,
    `<thead><tr>${heads}</tr></thead>`,
    `<tbody>${body.join('\n')}</tbody>`,
    '</table></div>',
  ].join('\n')
}

function escape(text: string): string {
  const marks: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (mark) => marks[mark] ?? mark)
}

const style = `
:root { color-scheme: light dark; --text: #1c1c1c; --page: #ffffff; --line: #8a8a8a; --link: #0b4f91; --shade: #f0f3f6 }
@media (prefers-color-scheme: dark) {
  :root { --text: #ececec; --page: #16181b; --line: #8f969e; --link: #9cc9ff; --shade: #23272c }
}
body { margin: 0; background: var(--page); color: var(--text); font: 1.05rem/1.55 system-ui, sans-serif }
main { max-width: 48rem; margin: 0 auto; padding: 1rem }
a { color: var(--link) }
figure { margin: 1rem 0; padding: .5rem; background: #ffffff; color: #222222; border: 1px solid var(--line) }
figure svg { max-width: 100%; height: auto }
.wide { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; width: 100% }
caption { text-align: left; font-weight: 600; padding: .4rem 0 }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top }
th[scope=row] { font-weight: 400; overflow-wrap: anywhere; min-width: 8rem }
thead th { background: var(--shade) }
th.n, td.n { text-align: right }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap }
th button { all: unset; cursor: pointer; font-weight: 600 }
th button:focus-visible { outline: 2px solid var(--link) }
@media print {
  :root { --text: #000000; --page: #ffffff; --link: #000000; --shade: #ffffff }
  nav { display: none }
  .wide { overflow: visible }
  figure, tr { break-inside: avoid }
}
`

/** A click on the head of a column sorts its table; without it the tables stand as they are. */
const script = `
for (const table of document.querySelectorAll('table')) {
  const body = table.tBodies[0]
  table.querySelectorAll('thead th').forEach((head, column) => {
    const button = document.createElement('button')
    button.textContent = head.textContent
    head.replaceChildren(button)
    button.addEventListener('click', () => {
      const isUp = head.getAttribute('aria-sort') === 'descending'
      for (const other of table.querySelectorAll('thead th')) other.removeAttribute('aria-sort')
      head.setAttribute('aria-sort', isUp ? 'ascending' : 'descending')
      const compare = (a, b) => {
        const [x, y] = [a.cells[column], b.cells[column]]
        if (x.dataset.n !== undefined && y.dataset.n !== undefined) return x.dataset.n - y.dataset.n
        return x.textContent.localeCompare(y.textContent, 'en', { numeric: true })
      }
      body.append(...[...body.rows].sort((a, b) => (isUp ? compare(a, b) : compare(b, a))))
    })
  })
}
`
