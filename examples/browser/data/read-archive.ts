import { unzipSync, type UnzipFileInfo } from 'fflate'
import { cleanQuestion, cleanText } from '../../medquad/data/clean-medquad.ts'
import { DataError, reason as reasonOf } from '../../medquad/data/data-error.ts'
import { parseMedquadXml } from '../../medquad/data/medquad-xml.ts'
import { isHidden, isXml, shortPath, usualLimits } from '../../medquad/data/xml-entries.ts'
import type { PairTable } from './pair-table.ts'
import { type OnProgress, paceOf } from './read-files.ts'

/** Files of rows that may be in an archive. */
const isRowFile = (path: string): boolean => /\.(jsonl|ndjson|json|csv|tsv|parquet)$/i.test(path) && !isHidden(path)

/**
 * Reads an archive: MedQuAD's XML, or other files of rows, each of which is handed to `readRows`.
 * @throws DataError `format` for a broken archive, one that is too large, or XML that is not MedQuAD's; `not-found`
 * where there is neither.
 */
export async function readArchive(
  table: PairTable,
  archive: File,
  onProgress: OnProgress,
  readRows: (file: File) => Promise<void>,
): Promise<void> {
  const entries = unpack(archive.name, new Uint8Array(await archive.arrayBuffer()))
  const xml = entries.filter(([path]) => isXml(path))
  if (xml.length > 0) readMedquad(table, archive.name, xml, onProgress)
  else {
    for (const [path, bytes] of entries) await readRows(new File([bytes.slice()], shortPath(path)))
  }
  if (entries.length > 0) return
  throw new DataError(
    'not-found',
    `${archive.name} holds no XML of MedQuAD, and no .jsonl, .json, .csv, .tsv or .parquet.`,
  )
}

type Entry = readonly [path: string, bytes: Uint8Array]

/** The files of an archive that are data, in one order however they were packed. */
function unpack(name: string, bytes: Uint8Array): Entry[] {
  let [unpacked, entries] = [0, 0]
  const isWanted = (file: UnzipFileInfo): boolean => {
    const isData = isXml(file.name) ? file.originalSize <= usualLimits.file : isRowFile(file.name)
    entries++
    if (isData) unpacked += file.originalSize
    if (unpacked <= usualLimits.unpacked && entries <= usualLimits.entries) return isData
    throw new Error(`it unpacks to over ${usualLimits.unpacked / 1e6} MB or ${usualLimits.entries} entries`)
  }
  try {
    const files = Object.entries(unzipSync(bytes, { filter: isWanted }))
    return files.sort(([a], [b]) => (a < b ? -1 : 1))
  } catch (cause) {
    throw new DataError('format', `${name} is no archive that can be read: ${reasonOf(cause)}.`, { cause })
  }
}

/** MedQuAD's pairs, cleaned as the recipe does; those whose answers were withdrawn come as rows without one. */
function readMedquad(table: PairTable, name: string, files: readonly Entry[], onProgress: OnProgress): void {
  table.beginFile(name)
  const pace = paceOf(name, 'files', onProgress)
  for (const [path, bytes] of files) {
    const short = shortPath(path)
    for (const [i, pair] of parseMedquadXml(short, bytes).pairs.entries()) {
      table.add({
        ...{ where: `${short}, pair ${i + 1}`, topic: cleanText(pair.focus), reason: null, detail: null },
        ...{ question: cleanQuestion(pair.question), answer: cleanText(pair.answer) },
      })
    }
    pace.step(files.length)
  }
}
