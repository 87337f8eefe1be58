import type { MedquadPair } from './medquad-pair.ts'
import { isRowFile, readMedquadRows } from './medquad-rows.ts'
import { parseMedquadXml } from './medquad-xml.ts'
import { type FileProgress, visitXmlFiles } from './xml-files.ts'

/** What was read; `roots` counts the XML files by their root element, that is by schema. */
export interface MedquadData {
  pairs: MedquadPair[]
  files: number
  roots: Record<string, number>
  /** Files that were passed over because they are too large. */
  tooLarge: readonly string[]
}

/**
 * Reads MedQuAD from a folder of XML files (any depth), a `.tar.gz`, `.tgz` or `.tar` of one (as it streams by), or a
 * file of rows (JSON Lines, CSV, TSV, Parquet). Pairs come in one order, by collection and file, whichever way they
 * were kept; texts are as they are in the files. Throws `DataError` `not-found` or `format`, naming the file or the
 * line.
 */
export async function readMedquad(pathOrArchive: string, onProgress?: FileProgress): Promise<MedquadData> {
  if (isRowFile(pathOrArchive)) {
    const pairs = await readMedquadRows(pathOrArchive)
    onProgress?.(1, 1)
    return { pairs, files: 1, roots: {}, tooLarge: [] }
  }
  const parsed: { path: string; pairs: MedquadPair[] }[] = []
  const roots: Record<string, number> = {}
  const { count: files, tooLarge } = await visitXmlFiles(
    pathOrArchive,
    (path, bytes) => {
      const { root, pairs } = parseMedquadXml(path, bytes)
      roots[root] = (roots[root] ?? 0) + 1
      parsed.push({ path, pairs })
    },
    onProgress,
  )
  parsed.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
  return { pairs: parsed.flatMap(({ pairs }) => pairs), files, roots, tooLarge }
}
