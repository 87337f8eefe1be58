import { DataError, reason as reasonOf } from '../../medquad/data/data-error.ts'
import { decodeText } from '../../medquad/data/decode-text.ts'
import { type BadRow, eachRow, type PairRow } from '../../medquad/data/pair-rows.ts'
import { contentOf, knownColumns } from './pair-layouts.ts'
import { PairTable, type ReadRow } from './pair-table.ts'

/** How far reading has come. */
export interface ReadProgress {
  readonly file: string
  /** Rows or, of an archive, files so far. */
  readonly done: number
  readonly unit: 'rows' | 'files'
  /** Null where only the end tells. */
  readonly total: number | null
}

export type OnProgress = (progress: ReadProgress) => void

/** Bytes of the largest text that is read at once. */
const largestText = 512e6

/**
 * Reads questions and answers of all files: JSON Lines, a list of JSON, CSV and the like, Parquet, and archives (.zip)
 * of these or of MedQuAD's XML. What is in them tells, not their names. Rows that cannot be taken are in the table too,
 * with the reason.
 * @param files A file without a name is a text that was typed.
 * @throws DataError or MedAwareError for a file that cannot be read at all, or none of whose rows can, and where no pair
 * is left.
 */
export async function readFiles(files: readonly File[], onProgress: OnProgress = () => {}): Promise<PairTable> {
  const table = new PairTable()
  for (const file of files) await readFile(table, file, onProgress)
  const { rows, kept } = table.summary
  if (kept > 0) return table
  const bad = table.firstUnreadable
  if (bad !== null) throw new DataError('format', naming(bad.file, bad.detail ?? ''))
  const what = rows === 0 ? 'There is no line' : `None of ${rows} rows has a question and an answer`
  throw new DataError('not-found', `${what}. Give JSON Lines or CSV with question and answer.`)
}

/** A sentence about a file; a text that was typed has no name. */
const naming = (file: string, sentence: string): string => (file === '' ? sentence : `${file}: ${sentence}`)

async function readFile(table: PairTable, file: File, onProgress: OnProgress): Promise<void> {
  const magic = new Uint8Array(await file.slice(0, 4).arrayBuffer())
  const begins = (...bytes: number[]) => bytes.every((byte, i) => magic[i] === byte)
  if (begins(0x50, 0x4b, 3, 4)) {
    const { readArchive } = await import('./read-archive.ts')
    await readArchive(table, file, onProgress, (inner) => readFile(table, inner, onProgress))
    return
  }
  if (begins(0x1f, 0x8b)) {
    throw new DataError(
      'format',
      `${file.name} is packed with gzip, which is not read here; give a .zip, or unpack it.`,
    )
  }
  table.beginFile(file.name)
  const pace = paceOf(file.name, 'rows', onProgress)
  if (begins(0x50, 0x41, 0x52, 0x31)) return readTable(table, file, 'parquet', pace)
  if (file.size > largestText) {
    const megabytes = Math.ceil(file.size / 1e6)
    throw new DataError(
      'format',
      naming(file.name, `${megabytes} MB are more than is read; cut it, or make Parquet of it.`),
    )
  }
  try {
    const text = decodeText(new Uint8Array(await file.arrayBuffer()))
    if (/^\ufeff?\s*\[/.test(text)) {
      await readTable(table, new File([text], file.name), 'json', pace)
      return
    }
    for (const row of eachRow(text, knownColumns)) {
      table.add('error' in row ? unreadable(row) : readRow(row, `line ${row.line}`))
      pace.step(null)
    }
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause
    throw new DataError(cause.code, naming(file.name, cause.message), { cause })
  }
}

/** Rows that the library reads, without lines of their own. */
async function readTable(table: PairTable, file: File, format: 'json' | 'parquet', pace: Pace): Promise<void> {
  const { loadDataset } = await import('./library-rows.ts')
  const rows = await loadDataset(file, { format })
  let number = 0
  for await (const fields of rows) {
    number++
    table.add(readRow({ fields, where: `Row ${number}` }, `row ${number}`))
    pace.step(rows.length)
  }
}

function unreadable({ line, text, error }: BadRow): ReadRow {
  const where = `line ${line}`
  return { where, question: text, answer: '', topic: '', reason: 'unreadable', detail: error.message }
}

/** What a row with columns says; columns are known in any case. */
function readRow(row: PairRow, where: string): ReadRow {
  const fields = Object.fromEntries(Object.entries(row.fields).map(([name, value]) => [columnName(name), value]))
  const other = { where, topic: '', question: shownFields(fields), answer: '' }
  try {
    const content = contentOf({ fields, where: row.where })
    if (content === 'several-turns') return { ...other, reason: content, detail: null }
    return { where, topic: '', ...content, reason: null, detail: null }
  } catch (error) {
    return { ...other, reason: 'unreadable', detail: reasonOf(error) }
  }
}

/** A row that is no pair, to be shown. */
const shownFields = (fields: object): string =>
  JSON.stringify(fields, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))

const columnName = (name: string): string => name.trim().toLowerCase()

/** Milliseconds between two reports. */
const interval = 250

interface Pace {
  /** One more is done. @param total Of them, where that is known. */
  step(total: number | null): void
}

/** Tells how far a file is read, not more often than one can read. */
export function paceOf(file: string, unit: ReadProgress['unit'], onProgress: OnProgress): Pace {
  let [done, told] = [0, performance.now()]
  return {
    step(total) {
      done++
      // A clock for each row would cost as much as the row.
      if (done % 64 !== 0 || performance.now() - told < interval) return
      told = performance.now()
      onProgress({ file, done, unit, total })
    },
  }
}
