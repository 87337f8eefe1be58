import { parseMedquadJsonl } from './medquad-jsonl.ts'
import type { MedquadPair } from './medquad-pair.ts'
import { parseMedquadXml } from './medquad-xml.ts'
import { type FileProgress, visitXmlFiles } from './xml-files.ts'

/** What was read; `roots` counts the XML files by their root element, that is by schema. */
export interface MedquadData {
  pairs: MedquadPair[]
  files: number
  roots: Record<string, number>
}

/**
 * Reads MedQuAD from a folder of XML files (any depth), a `.tar.gz`, `.tgz` or `.tar` of one (as it streams by), or a
 * `.jsonl` of pairs. Pairs come in one order, by collection and file, whichever way they were kept; texts are as they
 * are in the files. Throws `DataError` `not-found` or `format`, naming the file or the line.
 */
export async function readMedquad(pathOrArchive: string, onProgress?: FileProgress): Promise<MedquadData> {
  if (/\.(jsonl|ndjson)$/i.test(pathOrArchive)) {
    const pairs = await parseMedquadJsonl(pathOrArchive)
    onProgress?.(1, 1)
    return { pairs, files: 1, roots: {} }
  }
  const parsed: { path: string; pairs: MedquadPair[] }[] = []
  const roots: Record<string, number> = {}
  const files = await visitXmlFiles(
    pathOrArchive,
    (path, bytes) => {
      const { root, pairs } = parseMedquadXml(path, bytes)
      roots[root] = (roots[root] ?? 0) + 1
      parsed.push({ path, pairs })
    },
    onProgress,
  )
  parsed.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
  return { pairs: parsed.flatMap(({ pairs }) => pairs), files, roots }
}
