import type { Parser } from 'papaparse'
import { check } from '../../core/errors.ts'
import { show, showNames } from '../../core/show.ts'
import type { Row } from '../../data/dataset.ts'
import type { ByteSource } from '../../safetensors/source.ts'
import type { RowFile } from './row-file.ts'
import { textPieces } from './text-pieces.ts'

/** Characters of a row: a quote that is not closed would make one of the whole file. */
const longestRow = 16 * 1024 * 1024

/** What papaparse's Parser gives for a part of a text. */
interface Parsed {
  readonly data: string[][]
  readonly errors: readonly { readonly message: string; readonly row: number }[]
  readonly meta: { readonly cursor: number }
}

/** A record, and the line that it begins in, from 1. */
interface Line {
  readonly number: number
  readonly fields: readonly string[]
}

/** Fields behind a separator, RFC 4180's quotes among them; the first row names the columns. All values are texts. */
export function csvFile(delimiter: string): RowFile {
  return {
    countRows: async () => null,
    async *rows(source) {
      let columns: readonly string[] | null = null
      for await (const line of linesOf(source, delimiter)) {
        if (columns === null) columns = headerOf(source.name, line)
        else yield rowOf(source.name, line, columns)
      }
    },
  }
}

function headerOf(name: string, { fields }: Line): readonly string[] {
  const twice = fields.find((field, i) => fields.indexOf(field) < i)
  check(twice === undefined, 'format', () => `${name}: line 1: two columns are called ${show(twice)}`)
  return fields
}

function rowOf(name: string, { fields, number }: Line, columns: readonly string[]): Row {
  check(fields.length === columns.length, 'format', () => {
    return `${name}: line ${number}: ${fields.length} fields for the ${columns.length} columns ${showNames(columns)}`
  })
  return Object.fromEntries(columns.map((column, i) => [column, fields[i] ?? '']))
}

/** The records of a file, empty lines left out. */
async function* linesOf(source: ByteSource, delimiter: string): AsyncGenerator<Line> {
  const { default: Papa } = await import('papaparse')
  let [rest, number] = ['', 1]
  let parser: Parser | null = null
  let newline = '\n'
  const parse = (isLast: boolean): Line[] => {
    if (parser === null) {
      newline = newlineOf(rest)
      parser = new Papa.Parser({ delimiter, newline: newline as '\n' })
    }
    const { data, errors, meta } = parser.parse(rest, 0, !isLast) as Parsed
    const wrong = errors.find(({ row }) => isLast || row < data.length)
    const lines = data.map((fields) => {
      const line = { number, fields }
      number += 1 + fields.reduce((count, field) => count + field.split(newline).length - 1, 0)
      return line
    })
    check(wrong === undefined, 'format', () => {
      return `${source.name}: line ${lines[wrong?.row ?? 0]?.number ?? number}: ${wrong?.message.toLowerCase()}`
    })
    rest = isLast ? '' : rest.slice(meta.cursor)
    check(rest.length <= longestRow, 'format', () => {
      return `${source.name}: line ${number}: a row of over ${longestRow} characters; is a quote not closed?`
    })
    return lines.filter(({ fields }) => fields.length > 1 || fields[0] !== '')
  }
  for await (const piece of textPieces(source)) {
    rest += piece
    yield* parse(false)
  }
  if (rest !== '') yield* parse(true)
}

/** How lines end, by the first that does. */
function newlineOf(text: string): string {
  return /\r\n|\n|\r/.exec(text.replace(/"[^"]*"/g, ''))?.[0] ?? '\n'
}
