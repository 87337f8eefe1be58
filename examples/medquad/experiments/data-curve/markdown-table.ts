import { DataError } from '../../data/data-error.ts'

/** A table of Markdown, its columns as wide as their widest cells. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) => Math.max(3, name.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/**
 * A page with its tables made anew: each stands between the comments `table: NAME` and `end` of Markdown.
 * @throws DataError `config` for a name that none of the tables has.
 */
export function withTables(page: string, tables: Readonly<Record<string, string>>): string {
  return page.replace(/(<!-- table: ([\w -]+) -->\n)(?:(?!<!--)[^])*(<!-- end -->)/g, (_, ...groups: string[]) => {
    const [begin = '', name = '', end = ''] = groups
    const table = tables[name]
    if (table === undefined)
      throw new DataError('config', `withTables: the page asks for ${name}; there is no such table`)
    return `${begin}\n${table}\n\n${end}`
  })
}
