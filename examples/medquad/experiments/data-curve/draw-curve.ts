import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { writeFolder } from 'peft-medaware'
import { curveTables, sizesOf } from './describe-curve.ts'
import { withTables } from './markdown-table.ts'
import { curvePlot } from './plot-curve.ts'
import { readRecord } from './records.ts'

/** What is drawn, and a page that gets the tables; without one they are printed. */
export interface Drawing {
  readonly record: string
  readonly page: string | undefined
}

/** Draws a record beside itself, for light pages and dark ones, and makes its tables. */
export async function drawCurve({ record: path, page }: Drawing): Promise<void> {
  const record = await readRecord(path)
  if (sizesOf(record).length < 3) {
    console.log('No curve yet: it takes three sizes.')
    return
  }
  const name = basename(path, '.json')
  const plots = { [`${name}.svg`]: curvePlot(record, 'light'), [`${name}-dark.svg`]: curvePlot(record, 'dark') }
  await writeFolder(dirname(path), new Map(Object.entries(plots)))
  const tables = curveTables(record)
  if (page === undefined) {
    console.log(Object.values(tables).join('\n\n'))
    return
  }
  const text = withTables(await readFile(page, 'utf8'), tables)
  await writeFolder(dirname(page), new Map([[basename(page), text]]))
}
