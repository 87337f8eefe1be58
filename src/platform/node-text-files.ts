import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { check } from '../core/errors.ts'
import { besideOf, clearLeftovers } from './node-beside.ts'
import { explain } from './node-errors.ts'
import { openFile } from './node-file.ts'
import type { Platform } from './platform.ts'

/** A text that is no JSON of a model: a token, a commit. */
const mostText = 16 * 1024 * 1024

/** A file of at most 16 MiB as text. @throws MedAwareError `not-found`, `disk`, `format` for a larger one. */
export const readTextFile: Platform['readTextFile'] = async (path) => {
  const source = await openFile(path, 'readTextFile')
  try {
    const { byteLength } = source
    check(byteLength <= mostText, 'format', () => `readTextFile: ${path} has ${byteLength} bytes, over ${mostText}`)
    return new TextDecoder().decode(await source.read(0, byteLength))
  } finally {
    await source.close?.()
  }
}

/**
 * Writes beside the file, makes sure of the disk, then renames: a crash leaves the old file or the new one, never half.
 * Makes the folder. @throws MedAwareError `disk` when there is no room or no permission.
 */
export const writeFileAtomic: Platform['writeFileAtomic'] = async (path, bytes) => {
  const beside = besideOf(path)
  try {
    await mkdir(dirname(path), { recursive: true })
    await clearLeftovers(dirname(path))
    const file = await open(beside, 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => undefined)
    throw explain('writeFileAtomic', path, cause)
  }
}

/** Names in a folder, sorted. @throws MedAwareError `not-found`. */
export const listFolder: Platform['listFolder'] = async (path) => {
  const names = await readdir(path).catch((cause: unknown) => {
    throw explain('listFolder', path, cause)
  })
  return names.sort()
}

/** Whether there is a file or folder of this path. Deno's `access` asks who the user is, which takes a permission. */
export const fileExists: Platform['fileExists'] = (path) =>
  stat(path).then(
    () => true,
    () => false,
  )
