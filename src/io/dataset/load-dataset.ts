import { check } from '../../core/errors.ts'
import { oneOf, type OptionRules, readOptions, table } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import { type Dataset, datasetOf, type Row, type Rows } from '../../data/dataset.ts'
import { hubAliases, type HubOptions, hubRules } from '../huggingface/hub-settings.ts'
import { csvFile } from './csv-rows.ts'
import { jsonFile } from './json-rows.ts'
import { fileOf, type OpenableFile } from './open-file.ts'
import { parquetFile } from './parquet-rows.ts'
import type { RowFile } from './row-file.ts'

/** What kind of file rows are in. */
export type DatasetFormat = 'jsonl' | 'json' | 'csv' | 'tsv' | 'parquet'

/** How a data set is opened. */
export interface LoadDatasetOptions {
  /** Default: by the file's ending. */
  readonly format?: DatasetFormat
  /** How addresses are asked for. */
  readonly hub?: HubOptions
}

/** Where rows come from: a path (Node), an address, a file of a page's, or rows that are there. */
export type DatasetSource = string | URL | Blob | Rows

/** The kinds of files that are known. */
const formats: Readonly<Record<DatasetFormat, RowFile>> = {
  jsonl: jsonFile,
  json: jsonFile,
  csv: csvFile(','),
  tsv: csvFile('\t'),
  parquet: parquetFile,
}
const endings: Readonly<Record<string, DatasetFormat>> = { ...namesOf(formats), ndjson: 'jsonl', pq: 'parquet' }

const rules: OptionRules<LoadDatasetOptions> = {
  format: oneOf(['jsonl', 'json', 'csv', 'tsv', 'parquet'], { ndjson: 'jsonl' }),
  hub: table(hubRules, hubAliases),
}

/**
 * Opens rows to be gone through: JSON Lines or a list of JSON, CSV and TSV with a row of names, Parquet. Files are read
 * anew in each pass, JSON Lines and CSV line by line, Parquet by row groups, so they may be larger than memory. Rows
 * that are there already pass through. Parsers are loaded when a file of their kind is read.
 * @throws MedAwareError `config` for what is no source or a file whose ending says no format, `not-found`, and `format`
 * for a torn Parquet file. Going through rows throws `format`, naming the file and the line, for what cannot be read.
 */
export async function loadDataset(source: DatasetSource, options: LoadDatasetOptions = {}): Promise<Dataset> {
  const { format, hub = {} } = readOptions('loadDataset', options, rules)
  if (!isFile(source)) return datasetOf('loadDataset', source)
  const file = fileOf('loadDataset', source, hub)
  const kind = formats[format ?? formatOf(file.name)]
  const length = await withOpen(file, (opened) => kind.countRows(opened))
  return { name: file.name, length, [Symbol.asyncIterator]: () => rowsOf(file, kind) }
}

async function* rowsOf(file: OpenableFile, kind: RowFile): AsyncGenerator<Row> {
  const source = await file.open()
  try {
    yield* kind.rows(source)
  } finally {
    await source.close?.()
  }
}

async function withOpen<T>(file: OpenableFile, use: (source: Awaited<ReturnType<OpenableFile['open']>>) => Promise<T>) {
  const source = await file.open()
  try {
    return await use(source)
  } finally {
    await source.close?.()
  }
}

function isFile(source: DatasetSource): source is string | URL | Blob {
  if (typeof source === 'string' || source instanceof URL) return true
  return typeof source === 'object' && source !== null && 'slice' in source && 'arrayBuffer' in source
}

function formatOf(name: string): DatasetFormat {
  const ending = /\.([^./\\]+)$/.exec(name)?.[1]?.toLowerCase() ?? ''
  const known = Object.hasOwn(endings, ending) ? endings[ending] : undefined
  check(known !== undefined, 'config', () => {
    return `loadDataset: the ending of ${show(name)} says no format; name it, such as format: 'jsonl'`
  })
  return known
}

function namesOf(table: Readonly<Record<DatasetFormat, RowFile>>): Readonly<Record<string, DatasetFormat>> {
  return Object.fromEntries((Object.keys(table) as DatasetFormat[]).map((name) => [name, name]))
}
