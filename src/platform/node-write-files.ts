import { mkdir, open, readdir, rename, rm, statfs, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MedAwareError } from '../core/errors.ts'
import { besideOf, clearLeftovers } from './node-beside.ts'
import { explain, isFull } from './node-errors.ts'
import type { FileToWrite, Platform } from './platform.ts'

const who = 'writeFilesAtomic'
/** As much as one call to the system is given. */
const chunkBytes = 8 * 1024 * 1024

/** See `Platform`. */
export const writeFilesAtomic: Platform['writeFilesAtomic'] = async (folder, files, isObsolete = () => false) => {
  await attempt(folder, () => mkdir(folder, { recursive: true }))
  const folders = new Set([folder, ...files.map(({ name }) => dirname(join(folder, name)))])
  for (const each of folders) await clearLeftovers(each)
  await checkFree(folder, files)
  const beside = files.map(({ name }) => besideOf(join(folder, name)))
  try {
    for (const [i, file] of files.entries()) await writeBeside(beside[i] ?? '', folder, file)
    for (const [i, { name }] of files.entries()) {
      await attempt(join(folder, name), () => rename(beside[i] ?? '', join(folder, name)))
    }
  } catch (error) {
    await Promise.all(beside.map((path) => rm(path, { force: true }).catch(() => undefined)))
    throw error
  }
  const written = new Set(files.map(({ name }) => name))
  for (const name of await attempt(folder, () => readdir(folder))) {
    if (!written.has(name) && isObsolete(name)) await attempt(join(folder, name), () => rm(join(folder, name)))
  }
}

async function writeBeside(path: string, folder: string, { name, byteLength, pieces }: FileToWrite): Promise<void> {
  const target = join(folder, name)
  await attempt(target, () => mkdir(dirname(path), { recursive: true }))
  const file = await attempt(target, () => open(path, 'wx'))
  let written = 0
  try {
    for await (const piece of pieces()) {
      for (let at = 0; at < piece.length; at += chunkBytes) {
        const chunk = piece.subarray(at, at + chunkBytes)
        await attempt(target, () => writeWhole(file, chunk), { written, byteLength })
        written += chunk.length
      }
    }
    await attempt(target, () => file.sync(), { written, byteLength })
  } catch (error) {
    await file.close().catch(() => undefined)
    throw error
  }
  // Network file systems may say only now that there is no room.
  await attempt(target, () => file.close(), { written, byteLength })
  if (written !== byteLength) {
    throw new MedAwareError('format', `${who}: ${target} was to have ${byteLength} bytes, ${written} came`)
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
}

/** Says what is needed before hours are spent on it, where the file system tells what it has. */
async function checkFree(folder: string, files: readonly FileToWrite[]): Promise<void> {
  const needed = files.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const { blocks, bavail, bsize } = await statfs(folder).catch(() => ({ blocks: 0, bavail: 0, bsize: 0 }))
  if (blocks === 0 || needed <= bavail * bsize) return
  const names = files.map(({ name }) => name).join(', ')
  throw new MedAwareError(
    'disk',
    `${who}: no room on the disk for ${names} in ${folder}: ${needed} bytes are needed, ${bavail * bsize} are free; nothing was written`,
  )
}

/** Runs a call to the file system; its failures become ours. */
async function attempt<T>(
  path: string,
  work: () => Promise<T>,
  progress?: { readonly written: number; readonly byteLength: number },
): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (progress === undefined || !isFull(cause)) throw explain(who, path, cause)
    const { written, byteLength } = progress
    throw new MedAwareError(
      'disk',
      `${who}: no room on the disk for ${path}: it takes ${byteLength} bytes, the disk was full after ${written}; nothing in its folder has changed`,
      { cause },
    )
  }
}
