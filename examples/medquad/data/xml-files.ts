import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { open, readFile, readdir, stat } from 'node:fs/promises'
import { basename, join, relative, resolve, sep } from 'node:path'
import { createGunzip } from 'node:zlib'
import * as tar from 'tar'
import { DataError, reason } from './data-error.ts'
import { isXml, shortPath, usualLimits } from './xml-entries.ts'

/** `done` files so far, of `total` where it is known (a folder; an archive has to be read to be counted). */
export type FileProgress = (done: number, total?: number) => void

/** `path` is `collection/file.xml`: the last two parts of where the file lay, whatever folder held the collections. */
export type XmlFileVisitor = (path: string, bytes: Uint8Array) => void

/** How many XML files were read, and which were passed over because they are too large. */
export interface VisitedFiles {
  readonly count: number
  readonly tooLarge: readonly string[]
}

/**
 * Hands every XML file of a folder (any depth, or one that holds nothing but its archive) or of a tar archive (`.tar`,
 * `.tar.gz`, `.tgz`), one at a time and without unpacking, to `visit`. Files above 4 MB are passed over as they stream
 * by. Throws `DataError` `not-found`, or `format`, also for an archive of more than 1 GB or 200,000 entries.
 */
export async function visitXmlFiles(
  source: string,
  visit: XmlFileVisitor,
  onProgress?: FileProgress,
  limits = usualLimits,
): Promise<VisitedFiles> {
  const info = await stat(source).catch((cause: unknown) => {
    throw new DataError(
      'not-found',
      `medquad: no file or folder at ${source}; give MedQuAD's folder, archive or JSONL`,
      {
        cause,
      },
    )
  })
  const visited = info.isDirectory()
    ? await visitFolder(source, visit, limits, onProgress)
    : await visitArchive(source, visit, limits, onProgress)
  if (visited.count + visited.tooLarge.length > 0) return visited
  const archive = info.isDirectory() ? await onlyArchiveIn(source) : undefined
  if (archive !== undefined) return visitXmlFiles(archive, visit, onProgress, limits)
  throw new DataError('not-found', `medquad: no XML file in ${source}; it should hold folders like 1_CancerGov_QA`)
}

/** A folder may hold MedQuAD still packed. */
async function onlyArchiveIn(folder: string): Promise<string | undefined> {
  const archives = (await readdir(folder)).filter((name) => /\.(tar|tar\.gz|tgz)$/i.test(name))
  return archives.length === 1 ? join(folder, archives[0] ?? '') : undefined
}

async function visitFolder(
  folder: string,
  visit: XmlFileVisitor,
  limits: typeof usualLimits,
  onProgress?: FileProgress,
): Promise<VisitedFiles> {
  const root = resolve(folder)
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  // The root's own name is kept, so that one collection's folder given alone still names its collection.
  const wanted = files.filter((file) => isXml(relative(root, file).split(sep).join('/'))).sort()
  const tooLarge: string[] = []
  let done = 0
  for (const file of wanted) {
    const path = shortPath(join(basename(root), relative(root, file)).split(sep).join('/'))
    if ((await stat(file)).size > limits.file) tooLarge.push(path)
    else visit(path, await readFile(file))
    done++ // not inside the call: its arguments are not evaluated where no one listens
    onProgress?.(done, wanted.length)
  }
  return { count: wanted.length - tooLarge.length, tooLarge }
}

async function visitArchive(
  file: string,
  visit: XmlFileVisitor,
  limits: typeof usualLimits,
  onProgress?: FileProgress,
): Promise<VisitedFiles> {
  const tooLarge: string[] = []
  let [done, entries] = [0, 0]
  let thrown: { error: unknown } | undefined
  const onReadEntry = (entry: tar.ReadEntry): void => {
    entries++
    const isWanted = !thrown && entry.type === 'File' && isXml(entry.path)
    if (isWanted && entry.size > limits.file) tooLarge.push(shortPath(entry.path))
    if (!isWanted || entry.size > limits.file) {
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
  const parser = new tar.Parser({ strict: true, onReadEntry })
  const parsed = new Promise<void>((resolve, reject) => parser.on('end', resolve).on('error', reject))
  parsed.catch(() => undefined) // it is awaited at the end, and may fail before
  try {
    let unpacked = 0
    for await (const chunk of unpack(file, await isGzip(file))) {
      unpacked += chunk.length
      if (thrown !== undefined) break
      if (unpacked > limits.unpacked || entries > limits.entries) {
        throw new Error(`it unpacks to over ${limits.unpacked / 1e6} MB or ${limits.entries} entries`)
      }
      if (!parser.write(chunk)) await Promise.race([once(parser, 'drain'), parsed])
    }
    if (thrown === undefined) {
      parser.end()
      await parsed
    }
  } catch (cause) {
    throw new DataError('format', `medquad: ${file} is no whole tar archive, ${reason(cause)}; fetch it again`, {
      cause,
    })
  }
  if (thrown !== undefined) throw thrown.error
  return { count: done, tooLarge }
}

/** The bytes of an archive, a piece at a time. */
async function* unpack(file: string, isPacked: boolean): AsyncGenerator<Buffer> {
  const packed = createReadStream(file)
  if (!isPacked) {
    yield* packed as AsyncIterable<Buffer>
    return
  }
  const plain = createGunzip()
  packed.on('error', (error) => plain.destroy(error))
  try {
    yield* packed.pipe(plain) as AsyncIterable<Buffer>
  } finally {
    packed.destroy()
  }
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await file.close()
  }
}
