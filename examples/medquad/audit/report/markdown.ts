import { cell, lead, numberColumns, type Section, type Table } from './section.ts'

/** The report as Markdown. Pictures are named by their file, relative to where it stands. */
export function markdownOf(title: string, sections: readonly Section[]): string {
  const parts = sections.map(({ title: name, paragraphs, pictures = [], tables = [] }) =>
    [
      `## ${name}`,
      ...paragraphs,
      ...pictures.map((picture) => `![${picture.description}](${picture.name}.svg)`),
      ...tables.map(tableOf),
    ].join('\n\n'),
  )
  return `# ${title}\n\n${lead}\n\n${parts.join('\n\n')}\n`
}

function tableOf(table: Table): string {
  const { caption, columns, rows } = table
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const escape = (text: string) => text.replaceAll('|', '\\|').replace(/\s+/g, ' ')
  return [
    `${caption}:\n`,
    line(columns),
    line(numberColumns(table).map((right) => (right ? '---:' : '---'))),
    ...rows.map((row) => line(row.map((value) => escape(cell(value))))),
  ].join('\n')
}
