import { readFile, readdir, stat } from 'node:fs/promises'
import { basename, join, relative, resolve, sep } from 'node:path'
import * as tar from 'tar'
import { DataError, reason } from './data-error.ts'

/** `done` files so far, of `total` where it is known (a folder; an archive has to be read to be counted). */
export type FileProgress = (done: number, total?: number) => void

/** `path` is `collection/file.xml`: the last two parts of where the file lay, whatever folder held the collections. */
export type XmlFileVisitor = (path: string, bytes: Uint8Array) => void

/**
 * Hands every XML file of a folder (any depth, or one that holds nothing but its archive) or of a tar archive (`.tar`,
 * `.tar.gz`, `.tgz`), one at a time and without unpacking, to `visit`. Returns how many there were. Throws `DataError` `not-found` or `format`.
 */
export async function visitXmlFiles(source: string, visit: XmlFileVisitor, onProgress?: FileProgress): Promise<number> {
  const info = await stat(source).catch((cause: unknown) => {
    throw new DataError(
      'not-found',
      `medquad: no file or folder at ${source}; give MedQuAD's folder, archive or JSONL`,
      {
        cause,
      },
    )
  })
  const count = info.isDirectory()
    ? await visitFolder(source, visit, onProgress)
    : await visitArchive(source, visit, onProgress)
  if (count > 0) return count
  const archive = info.isDirectory() ? await onlyArchiveIn(source) : undefined
  if (archive !== undefined) return visitXmlFiles(archive, visit, onProgress)
  throw new DataError('not-found', `medquad: no XML file in ${source}; it should hold folders like 1_CancerGov_QA`)
}

/** A folder may hold MedQuAD still packed. */
async function onlyArchiveIn(folder: string): Promise<string | undefined> {
  const archives = (await readdir(folder)).filter((name) => /\.(tar|tar\.gz|tgz)$/i.test(name))
  return archives.length === 1 ? join(folder, archives[0] ?? '') : undefined
}

async function visitFolder(folder: string, visit: XmlFileVisitor, onProgress?: FileProgress): Promise<number> {
  const root = resolve(folder)
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  // The root's own name is kept, so that one collection's folder given alone still names its collection.
  const wanted = files.filter((file) => isXml(relative(root, file).split(sep).join('/'))).sort()
  let done = 0
  for (const file of wanted) {
    const path = join(basename(root), relative(root, file)).split(sep).join('/')
    visit(shortPath(path), await readFile(file))
    done++ // not inside the call: its arguments are not evaluated where no one listens
    onProgress?.(done, wanted.length)
  }
  return done
}

async function visitArchive(file: string, visit: XmlFileVisitor, onProgress?: FileProgress): Promise<number> {
  let done = 0
  let thrown: { error: unknown } | undefined
  const onReadEntry = (entry: tar.ReadEntry): void => {
    if (thrown || entry.type !== 'File' || !isXml(entry.path)) {
      entry.resume()
      return
    }
    const chunks: Uint8Array[] = []
    entry.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    entry.on('end', () => {
      try {
        visit(shortPath(entry.path), Buffer.concat(chunks))
        done++
        onProgress?.(done)
      } catch (error) {
        thrown ??= { error } // rethrown below: an error inside an event handler would end the process
      }
    })
  }
  try {
    await tar.t({ file, strict: true, onReadEntry })
  } catch (cause) {
    throw new DataError('format', `medquad: ${file} is no whole tar archive, ${reason(cause)}; fetch it again`, {
      cause,
    })
  }
  if (thrown) throw thrown.error
  return done
}

/** Hidden parts are skipped: macOS leaves `._0000001.xml` beside each file it packs. */
function isXml(path: string): boolean {
  return /\.xml$/i.test(path) && !path.split('/').some((part) => /^(\.[^./]|\._|__MACOSX$)/.test(part))
}

const shortPath = (path: string): string => path.split('/').slice(-2).join('/')
