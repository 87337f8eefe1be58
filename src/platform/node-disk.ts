import { createHash, type Hash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { appendFile, copyFile, mkdir, open, rename, rm, stat, statfs, symlink } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MedAwareError, messageOf } from '../core/errors.ts'
import type { Disk, DigestKind, GrowingFile } from './disk.ts'
import { codeOf, explain } from './node-errors.ts'

/** Of programs on machines whose names are not known, none is known to have ended. */
const nameless = 'here'

/** Files of the system, as a cache needs them. */
export const nodeDisk: Disk = {
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
    return `${machine()}.${process.pid}`
  },

  hasEnded(processName) {
    const [, name, pid] = /^(.*)\.(\d+)$/.exec(processName) ?? []
    if (name !== machine() || name === nameless) return false
    try {
      process.kill(Number(pid), 0)
      return false
    } catch (cause) {
      // EPERM: there is one, of another user.
      return codeOf(cause) === 'ESRCH'
    }
  },

  pathOf(url) {
    try {
      return fileURLToPath(url)
    } catch (cause) {
      throw new MedAwareError('config', `openFolder: ${url.href} is no path here, ${messageOf(cause)}`, { cause })
    }
  },

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

/** The machine's name without what a file's name may not have; `nameless` where it may not be known. */
function machine(): string {
  try {
    return hostname().replace(/[^\w-]/g, '-') || nameless
  } catch {
    return nameless
  }
}
