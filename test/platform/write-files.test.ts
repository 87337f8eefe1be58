import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeDisk } from '../../src/platform/node-disk.ts'
import { writeFileAtomic, writeFilesAtomic } from '../../src/platform/node.ts'
import type { FileToWrite } from '../../src/platform/platform.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'write-files-'))
})
afterEach(() => rm(folder, { recursive: true }))

function file(
  name: string,
  pieces: readonly Uint8Array[],
  byteLength = pieces.reduce((sum, piece) => sum + piece.length, 0),
): FileToWrite {
  return {
    ...{ name, byteLength },
    pieces: async function* () {
      yield* pieces
    },
  }
}

const text = (name: string, content: string) => file(name, [new TextEncoder().encode(content)])

describe('writeFilesAtomic', () => {
  it('writes every file whole, also in pieces larger than a call takes, and removes what is obsolete', async () => {
    const large = new Uint8Array(9_000_000).map((_, i) => i % 251)
    await writeFile(join(folder, 'old.bin'), 'old')
    await writeFile(join(folder, 'other.txt'), 'other')
    await writeFilesAtomic(folder, [file('a.bin', [large, Uint8Array.of(1, 2)]), text('b.bin', 'b')], (name) =>
      name.endsWith('.bin'),
    )
    expect((await readdir(folder)).sort()).toEqual(['a.bin', 'b.bin', 'other.txt'])
    const read = await readFile(join(folder, 'a.bin'))
    expect(read.length).toBe(large.length + 2)
    expect(read.equals(Buffer.concat([large, Uint8Array.of(1, 2)]))).toBe(true)
  })

  it('makes the folder, and those that names have', async () => {
    await writeFilesAtomic(join(folder, 'deep/er'), [text('a', '1'), text('below/b', '2')])
    expect(await readFile(join(folder, 'deep/er/below/b'), 'utf8')).toBe('2')
    expect(await readFile(join(folder, 'deep/er/a'), 'utf8')).toBe('1')
  })

  it('leaves the folder as it was when a later file fails, whatever the reason', async () => {
    await writeFile(join(folder, 'a'), 'old')
    const reason = new Error('the maker failed')
    const broken: FileToWrite = {
      ...{ name: 'b', byteLength: 9 },
      pieces: async function* () {
        yield Uint8Array.of(1)
        expect((await readdir(folder)).length).toBe(3)
        throw reason
      },
    }
    await expect(writeFilesAtomic(folder, [text('a', 'new'), broken], () => true)).rejects.toBe(reason)
    expect(await readdir(folder)).toEqual(['a'])
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('old')
  })

  it('refuses before anything is made when the disk has too little room', async () => {
    const huge: FileToWrite = {
      ...{ name: 'model.safetensors', byteLength: 1e18 },
      pieces: () => {
        throw new Error('asked for its pieces')
      },
    }
    await expect(writeFilesAtomic(folder, [text('a', 'x'), huge])).rejects.toMatchObject({
      code: 'disk',
      message: expect.stringMatching(
        /^writeFilesAtomic: no room on the disk for a, model\.safetensors in .*: 1000000000000000000 bytes are needed, \d+ are free; nothing was written$/,
      ) as string,
    })
    expect(await readdir(folder)).toEqual([])
  })

  it('removes what programs that have ended left half written, and nothing else', async () => {
    const id = '0b0e2c5a-93a5-4c3f-8a51-1d2f3a4b5c6d'
    const { status, pid } = spawnSync(process.execPath, ['-e', ''])
    expect(status).toBe(0)
    const [machine = ''] = nodeDisk.processName.split('.')
    const [ended, alive, own] = [`${machine}.${pid}`, `${machine}.${process.ppid}`, nodeDisk.processName]
    const longAgo = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000)
    const make = async (name: string, isOld = false) => {
      await writeFile(join(folder, name), 'half')
      if (isOld) await utimes(join(folder, name), longAgo, longAgo)
    }
    await mkdir(join(folder, 'best'))
    const left = [`a.${id}.tmp`, `gone-shard.${ended}.${id}.tmp`, `best/b.${ended}.${id}.tmp`]
    for (const name of left) await make(name)
    for (const name of [`a.${own}.${id}.tmp`, `a.elsewhere.7.${id}.tmp`]) await make(name, true)
    const kept = [`b.${own}.${id}.tmp`, `b.elsewhere.7.${id}.tmp`, `c.${alive}.${id}.tmp`, 'mine.tmp', `${id}.tmp`]
    for (const name of kept) await make(name)
    await writeFilesAtomic(folder, [text('a', 'x'), text('best/b', 'x')])
    expect((await readdir(folder)).sort()).toEqual(['a', 'best', ...kept].sort())
    expect(await readdir(join(folder, 'best'))).toEqual(['b'])
    await make(`d.${ended}.${id}.tmp`)
    await writeFileAtomic(join(folder, 'e'), 'x')
    expect((await readdir(folder)).sort()).toEqual(['a', 'best', 'e', ...kept].sort())
  })

  it('says what cannot be written', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(writeFilesAtomic(join(folder, 'file/below'), [text('a', 'x')])).rejects.toThrow(
      `writeFilesAtomic: cannot use ${join(folder, 'file/below')}, `,
    )
    await mkdir(join(folder, 'b/inside'), { recursive: true })
    await expect(writeFilesAtomic(folder, [text('b', 'a folder is in the way')])).rejects.toThrow(
      `writeFilesAtomic: cannot use ${join(folder, 'b')}, `,
    )
    expect((await readdir(folder)).sort()).toEqual(['b', 'file'])
    await expect(writeFilesAtomic(folder, [file('c', [Uint8Array.of(1)], 2)])).rejects.toThrow(
      `writeFilesAtomic: ${join(folder, 'c')} was to have 2 bytes, 1 came`,
    )
    expect((await readdir(folder)).sort()).toEqual(['b', 'file'])
  })
})
