import { createHash, type Hash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { appendFile, copyFile, mkdir, open, readlink, rename, rm, stat, statfs, symlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MedAwareError, messageOf } from '../core/errors.ts'
import type { DigestKind, GrowingFile } from './cache-store.ts'
import type { Disk } from './disk.ts'
import { codeOf, explain } from './node-errors.ts'
import { openFile } from './node-file.ts'
import { ownName, programHasEnded } from './node-programs.ts'
import { fileExists, listFolder, readTextFile, writeFileAtomic } from './node-text-files.ts'

/** Files of the system, as a cache needs them. */
export const nodeDisk: Disk = {
  name: null,
  remedy: 'set HF_HOME to another disk',

  get home() {
    try {
      return homedir()
    } catch (cause) {
      const remedy = 'set HOME, or give paths, and hub: { cacheFolder }, that do not hang on it'
      throw new MedAwareError('unsupported', `home: the user's folder is not known, ${messageOf(cause)}; ${remedy}`, {
        cause,
      })
    }
  },

  // Asked for when it is needed: Deno lets a program know its host's name only with permission.
  get processName() {
    return ownName()
  },

  hasEnded: async (processName) => programHasEnded(processName),

  pathOf(url) {
    try {
      return fileURLToPath(url)
    } catch (cause) {
      throw new MedAwareError('config', `openFolder: ${url.href} is no path here, ${messageOf(cause)}`, { cause })
    }
  },

  has: fileExists,
  list: async (folder) => ((await fileExists(folder)) ? listFolder(folder) : []),
  readText: async (path) => ((await isFile(path)) ? readTextFile(path) : null),
  writeText: writeFileAtomic,
  open: (path) => openFile(path),

  byteLength: (path) =>
    stat(path).then(
      (found) => (found.isFile() ? found.size : null),
      () => null,
    ),

  isFolder: (path) =>
    stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    ),

  writtenAt: (path) =>
    stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => null,
    ),

  freeBytes: (folder) =>
    statfs(folder).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => null,
    ),

  async makeFolder(path) {
    await mkdir(path, { recursive: true }).catch((cause: unknown) => {
      throw explain('makeFolder', path, cause)
    })
  },

  async move(path, to) {
    try {
      await rename(path, to)
      return true
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return false
      throw explain('move', path, cause)
    }
  },

  async remove(path) {
    await rm(path, { force: true }).catch((cause: unknown) => {
      throw explain('remove', path, cause)
    })
  },

  async removeFolder(path) {
    await rm(path, { force: true, recursive: true }).catch((cause: unknown) => {
      throw explain('removeFolder', path, cause)
    })
  },

  async append(path, text) {
    await appendFile(path, text).catch((cause: unknown) => {
      throw explain('append', path, cause)
    })
  },

  grow: growingFile,

  target: (path) =>
    readlink(path).then(
      (target) => join(dirname(path), target),
      () => null,
    ),

  async link(file, path) {
    try {
      await mkdir(dirname(path), { recursive: true })
      await symlink(relative(dirname(path), file), path)
    } catch (cause) {
      if (codeOf(cause) === 'EEXIST') return
      // Windows lets few users make links, some file systems nobody.
      const hasNoLinks = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'UNKNOWN'].includes(String(codeOf(cause)))
      if (!hasNoLinks) throw explain('link', path, cause)
      await copyFile(file, path, constants.COPYFILE_FICLONE).catch((second: unknown) => {
        throw explain('link', path, second)
      })
    }
  },
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}

async function growingFile(path: string, { algorithm, prefix }: DigestKind): Promise<GrowingFile> {
  const attempt = <T>(work: Promise<T>): Promise<T> =>
    work.catch((cause: unknown) => {
      throw explain('grow', path, cause)
    })
  const start = (): Hash => createHash(algorithm).update(prefix)
  const file = await attempt(open(path, 'a'))
  let [hash, byteLength, isOpen] = [start(), 0, true]
  const close = async (): Promise<void> => {
    if (isOpen) await attempt(file.close())
    isOpen = false
  }
  try {
    byteLength = (await attempt(file.stat())).size
    if (byteLength > 0) await attempt(digestFile(path, hash))
  } catch (error) {
    await close()
    throw error
  }
  return {
    get byteLength() {
      return byteLength
    },
    async append(bytes) {
      await attempt(file.appendFile(bytes))
      hash.update(bytes)
      byteLength += bytes.length
    },
    async clear() {
      await attempt(file.truncate(0))
      hash = start()
      byteLength = 0
    },
    async finish() {
      await attempt(file.sync())
      await close()
      return hash.digest('hex')
    },
    close,
  }
}

async function digestFile(path: string, hash: Hash): Promise<void> {
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
}
