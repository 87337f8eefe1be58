import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MedAwareError, writeFolder } from 'peft-medaware'
import { readJson } from '../records.ts'
import { withTables } from './data-curve/markdown-table.ts'
import { experimentTables } from './describe-experiments.ts'
import type { ExperimentRecord } from './experiment-record.ts'
import { experimentsPlot } from './plot-experiments.ts'

/** The documents, the page of the experiments, and its records. */
const docs = fileURLToPath(new URL('../../../docs/results', import.meta.url))
const page = 'experiments.md'
export const recordFolder = join(docs, 'experiments')

/** The records of a folder by their names. @throws MedAwareError `not-found` for a folder without one. */
export async function readExperiments(folder = recordFolder): Promise<ReadonlyMap<string, ExperimentRecord>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()
  const read = names.map(async (name) => [name, (await readJson(join(folder, name))) as ExperimentRecord] as const)
  // The data curve keeps its record beside these.
  const records = (await Promise.all(read)).filter(([, record]) => 'experiments' in record)
  if (records.length === 0) throw new MedAwareError('not-found', `${folder} has no record of an experiment; run them`)
  return new Map(records)
}

/** What tables and plots of a record are named by. */
const stemOf = (name: string): string => name.replace(/\.json$/, '')

/** The page with the tables of all records made anew. */
export async function pageOf(records: ReadonlyMap<string, ExperimentRecord>): Promise<string> {
  const own = [...records].flatMap(([name, record]) => Object.entries(experimentTables(stemOf(name), record)))
  return withTables(await readFile(join(docs, page), 'utf8'), Object.fromEntries(own))
}

/** Makes the page's tables and its plots, for light pages and dark ones, from the records. */
export async function reportExperiments(): Promise<void> {
  const records = await readExperiments()
  const plots = [...records].flatMap(([name, record]) => {
    if (record.records.length === 0) return []
    return [
      [`${stemOf(name)}.svg`, experimentsPlot(record, 'light')],
      [`${stemOf(name)}-dark.svg`, experimentsPlot(record, 'dark')],
    ] as const
  })
  await writeFolder(recordFolder, new Map(plots))
  await writeFolder(docs, new Map([[page, await pageOf(records)]]))
}
