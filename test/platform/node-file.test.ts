import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { explain } from '../../src/platform/node-errors.ts'
import { readWhole } from '../../src/platform/node-file.ts'
import { bytesFor } from '../../src/safetensors/source.ts'
import { disk, fileSource, listFolder, readTextFile, writeFileAtomic } from '../../src/platform/node.ts'

const refusal = (code: string, message: string): unknown => expect.objectContaining({ code, message })

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'node-file-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('what the system says of a file', () => {
  it.each([
    ['ENOENT', 'not-found', 'open: there is no a.json'],
    ['ENOSPC', 'disk', 'open: no room on the disk for a.json; the file before it is untouched'],
    ['EDQUOT', 'disk', 'open: no room on the disk for a.json; the file before it is untouched'],
    ['EFBIG', 'disk', 'open: no room on the disk for a.json; the file before it is untouched'],
    ['EACCES', 'disk', 'open: cannot use a.json, permission is denied (EACCES)'],
    ['EPERM', 'disk', 'open: cannot use a.json, permission is denied (EPERM)'],
    ['EROFS', 'disk', 'open: cannot use a.json, the file system is read-only (EROFS)'],
    ['EIO', 'disk', 'open: cannot use a.json, the disk reports an error of its own (EIO)'],
    ['EMFILE', 'disk', 'open: cannot use a.json, this program has too many files open (EMFILE)'],
    ['ENAMETOOLONG', 'disk', 'open: cannot use a.json, its name is too long (ENAMETOOLONG)'],
    ['EISDIR', 'disk', 'open: cannot use a.json, it is a folder, a file is needed (EISDIR)'],
    ['ENOTDIR', 'disk', 'open: cannot use a.json, a part of its path is a file, a folder is needed (ENOTDIR)'],
    ['EBADF', 'disk', 'open: cannot use a.json, EBADF: as the system says it'],
    ['ENOMEM', 'memory', 'open: no memory to use a.json with'],
  ])('%s is %s', (errno, code, message) => {
    const cause = Object.assign(new Error(`${errno}: as the system says it`), { code: errno })
    expect(explain('open', 'a.json', cause)).toEqual(new MedAwareError(code as 'disk', message))
  })

  it('comes from every call as ours', async () => {
    const [file, below, long, nul] = [join(folder, 'a'), join(folder, 'a/b'), join(folder, 'x'.repeat(300)), 'a\0b']
    await writeFile(file, 'x')
    const digest = { algorithm: 'sha1', prefix: '' } as const
    const calls = [
      ...[below, long, nul].flatMap((path): (Promise<unknown> | undefined)[] => [
        fileSource(path),
        readTextFile(path),
        writeFileAtomic(path, 'x'),
        disk?.grow(path, digest),
        disk?.makeFolder(path),
      ]),
      ...[disk?.move(file, join(below, 'c')), disk?.move(file, nul), disk?.remove(nul), disk?.remove(long)],
      ...[disk?.link(file, join(below, 'c')), listFolder(file), fileSource(folder), readTextFile(folder)],
      disk?.grow(folder, digest),
    ]
    const ended = await Promise.allSettled(calls.map(async (call) => call))
    const raw = ended.flatMap((each) =>
      each.status === 'rejected' && !(each.reason instanceof MedAwareError) ? [String(each.reason)] : [],
    )
    expect(raw).toEqual([])
    expect(ended.map(({ status }) => status)).toEqual(ended.map(() => 'rejected'))
  })
})

describe('a file to read', () => {
  it('is no folder and no pipe, which is not waited for', async () => {
    await mkdir(join(folder, 'config.json'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    await expect(fileSource(join(folder, 'config.json'))).rejects.toEqual(
      refusal('disk', `fileSource: cannot use ${folder}/config.json, it is a folder, a file is needed`),
    )
    await expect(fileSource(join(folder, 'pipe'))).rejects.toEqual(
      refusal('disk', `fileSource: cannot use ${folder}/pipe, it is neither a file nor a folder`),
    )
  })

  it('is read in pieces that Node takes, also above 2 GiB', async () => {
    const asked: [number, number, number | null | undefined][] = []
    // As Node's own, which ends the process at 2 GiB, and gives less than it is asked for when it likes to.
    const read = async (buffer: Uint8Array, offset: number, length: number, position?: number | null) => {
      expect(length).toBeLessThan(2 ** 31)
      asked.push([offset, length, position])
      return { bytesRead: asked.length === 1 ? 10 : length, buffer }
    }
    const bytes = new Uint8Array(2 ** 31 + 100)
    const gib = 2 ** 30
    expect(await readWhole({ read: read as never }, bytes, 7)).toBe(bytes.length)
    expect(asked).toEqual([
      [0, gib, 7],
      [10, gib, 17],
      [10 + gib, gib, 17 + gib],
      [10 + 2 * gib, 90, 17 + 2 * gib],
    ])
  })

  it('is too large for a text or for memory in our words', async () => {
    const path = join(folder, 'sparse')
    execFileSync('truncate', ['-s', '20M', path])
    await expect(readTextFile(path)).rejects.toEqual(
      refusal('format', `readTextFile: ${path} has ${20 * 2 ** 20} bytes, over ${2 ** 24}`),
    )
    expect(() => bytesFor('large', 2 ** 50)).toThrow(`large: there is no memory for ${2 ** 50} bytes at once`)
  })
})
