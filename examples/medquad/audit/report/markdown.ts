import { cell, type Section, type Table } from './section.ts'

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
  return `# ${title}\n\n${parts.join('\n\n')}\n`
}

function tableOf({ caption, columns, rows }: Table): string {
  const isNumber = columns.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'))
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const escape = (text: string) => text.replaceAll('|', '\\|').replace(/\s+/g, ' ')
  return [
    `${caption}:\n`,
    line(columns),
    line(isNumber.map((right) => (right ? '---:' : '---'))),
    ...rows.map((row) => line(row.map((value) => escape(cell(value))))),
  ].join('\n')
}
