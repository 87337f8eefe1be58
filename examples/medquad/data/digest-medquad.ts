import { createHash } from 'node:crypto'
import { visitXmlFiles } from './xml-files.ts'

/** What a set of XML files is, whatever packed it: their number, and one SHA-256 over their names and contents. */
export interface MedquadDigest {
  files: number
  sha256: string
}

/** MedQuAD at commit 577bd37: its 11,274 files. */
export const medquadDigest: MedquadDigest = {
  files: 11274,
  sha256: '67e85815b2dbd5c8e6525400463910b2a05f0aa5db7aa625de73637feb338d5e',
}

/**
 * Digests a folder or archive: SHA-256 over the lines `<SHA-256 of the file> <collection/file.xml>`, sorted by name.
 * The folder an archive is wrapped in, times, and file order leave it as it is.
 */
export async function digestMedquad(source: string): Promise<MedquadDigest> {
  const lines: { path: string; hash: string }[] = []
  await visitXmlFiles(source, (path, bytes) => {
    lines.push({ path, hash: createHash('sha256').update(bytes).digest('hex') })
  })
  lines.sort((a, b) => (a.path < b.path ? -1 : 1))
  const all = createHash('sha256')
  for (const { path, hash } of lines) all.update(`${hash} ${path}\n`)
  return { files: lines.length, sha256: all.digest('hex') }
}
