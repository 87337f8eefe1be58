import { readFile, stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { DataError, reason } from './data-error.ts'
import { decodeText } from './decode-text.ts'
import { focusOfQuestion } from './focus-of-question.ts'
import type { MedquadPair } from './medquad-pair.ts'
import { type PairRow, readRows, textOf } from './pair-rows.ts'

/** Bytes of the largest file of rows that is read: all of MedQuAD as JSON Lines has 42 MB. */
const largest = 256e6

const endings = ['.jsonl', '.ndjson', '.json', '.csv', '.tsv', '.parquet']

/** Whether a path is that of a file of rows, by its ending. */
export const isRowFile = (path: string): boolean => endings.includes(extname(path).toLowerCase())

/**
 * The pairs of JSON Lines, CSV, TSV or Parquet: rows with `question` and `answer` and, where known, MedQuAD's other
 * fields, under their names here (`focus`, `cui`, `qtype`) or those of its copies on the Hub (`question_focus`,
 * `umls_cui`). Where no focus is named, what the question asks about stands in, so that a disease stays in one part of
 * the split.
 * @throws DataError `not-found` for no file or no row, `format` for what cannot be read, naming the line or row.
 */
export async function readMedquadRows(path: string): Promise<MedquadPair[]> {
  const name = basename(path, extname(path))
  const rows = await rowsOf(path)
  if (rows.length === 0) {
    throw new DataError('not-found', `medquad: no line in ${path}; each should be a question and its answer`)
  }
  return rows.map((row) => naming(path, () => pairOf(row, name)))
}

async function rowsOf(path: string): Promise<PairRow[]> {
  const { size } = await stat(path).catch((cause: unknown) => {
    throw new DataError('not-found', `medquad: cannot read ${path}, ${reason(cause)}`, { cause })
  })
  if (size > largest) {
    const megabytes = Math.ceil(size / 1e6)
    throw new DataError('format', `medquad: ${path} has ${megabytes} MB, and at most ${largest / 1e6} are read; cut it`)
  }
  if (/\.parquet$/i.test(path)) return parquetRows(path)
  const bytes = await readFile(path)
  return naming(path, () => readRows(decodeText(bytes)))
}

async function parquetRows(path: string): Promise<PairRow[]> {
  try {
    const rows: Record<string, unknown>[] = await parquetReadObjects({ file: await asyncBufferFromFile(path) })
    return rows.map((fields, i) => ({ fields, where: `Row ${i + 1}` }))
  } catch (cause) {
    throw new DataError('format', `medquad: ${path} is no Parquet that can be read, ${reason(cause)}`, { cause })
  }
}

/** Says of which file an error is. */
function naming<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause
    const sentence = cause.message.replace(/^./, (letter) => letter.toLowerCase()).replace(/\.$/, '')
    throw new DataError(cause.code, `medquad: ${path}: ${sentence}`, { cause })
  }
}

function pairOf(row: PairRow, name: string): MedquadPair {
  const number = row.where.replace(/\D+/, '')
  // A withdrawn answer is null in Parquet, and a field that is not known may be missing.
  const fields: PairRow['fields'] = { ...row.fields, ...(row.fields['answer'] === null && { answer: '' }) }
  const known = { where: row.where, fields }
  const text = (...names: string[]): string => {
    const found = names.find((each) => fields[each] !== undefined && fields[each] !== null)
    return found === undefined ? '' : textOf(known, found)
  }
  return {
    id: text('id', 'question_id') || `${name}#${number}`,
    collection: text('collection', 'document_source') || name,
    focus: text('focus', 'question_focus').trim() || focusOfQuestion(textOf(known, 'question')),
    cui: names(fields['cui'] ?? fields['umls_cui']),
    semanticTypes: names(fields['semanticType'] ?? fields['semanticTypes'] ?? fields['umls_semantic_types']),
    semanticGroups: names(fields['semanticGroup'] ?? fields['semanticGroups'] ?? fields['umls_semantic_group']),
    qid: text('qid', 'question_id'),
    qtype: text('qtype', 'question_type'),
    question: textOf(known, 'question'),
    answer: textOf(known, 'answer'),
    source: text('source', 'document_source'),
    url: text('url', 'document_url'),
  }
}

/** A list of names, or names with bars between them. */
function names(value: unknown): string[] {
  const all: unknown[] = typeof value === 'string' ? value.split('|') : Array.isArray(value) ? value : []
  return all.flatMap((item) => (typeof item === 'string' && item.trim() !== '' ? [item.trim()] : []))
}
