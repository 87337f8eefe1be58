import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as browser from '../../src/platform/browser.ts'
import * as node from '../../src/platform/node.ts'
import type { Platform } from '../../src/platform/platform.ts'

// These two lines do not compile when a module lacks a part of the face.
const platforms: readonly Platform[] = [node satisfies Platform, browser satisfies Platform]

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platform-'))
})
afterEach(() => rm(folder, { recursive: true }))

it('has one face', () => {
  const [first = {}, second = {}] = platforms
  expect(Object.keys(first).sort()).toEqual(Object.keys(second).sort())
})

it.each(platforms)('hears a timer that is due as the event loop turns, on $platformName', async (platform) => {
  let heard = false
  setTimeout(() => (heard = true), 1)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
  // Node's first turn may begin behind the timers of this round.
  for (let turn = 0; turn < 2; turn++) await platform.nextTurn()
  expect(heard).toBe(true)
})

describe('node', () => {
  it('writes a file whole or not at all', async () => {
    const path = join(folder, 'new/adapter.bin')
    await node.writeFileAtomic(path, new Uint8Array([1, 2, 3]))
    await node.writeFileAtomic(path, new Uint8Array([4, 5]))
    expect([...(await readFile(path))]).toEqual([4, 5])
    expect(await node.listFolder(join(folder, 'new'))).toEqual(['adapter.bin'])
  })

  it('leaves nothing beside a file it could not write', async () => {
    await writeFile(join(folder, 'file'), '')
    const path = join(folder, 'file/below')
    await expect(node.writeFileAtomic(path, 'text')).rejects.toThrow(`writeFileAtomic: cannot use ${path}, `)
    // Renaming onto a folder fails after the bytes were written.
    await node.writeFileAtomic(join(folder, 'taken/inside'), '')
    await expect(node.writeFileAtomic(join(folder, 'taken'), 'text')).rejects.toThrow('writeFileAtomic: cannot use')
    expect((await readdir(folder)).sort()).toEqual(['file', 'taken'])
  })

  it('says when the disk is full', async () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    // Node also writes what an iterator yields; this one fails midway, as a full disk does.
    const bytes = {
      [Symbol.asyncIterator]: async function* () {
        yield new Uint8Array(1)
        throw full
      },
    } as unknown as Uint8Array
    const target = join(folder, 'model.safetensors')
    await writeFile(target, 'old')
    await expect(node.writeFileAtomic(target, bytes)).rejects.toThrow(
      `writeFileAtomic: no room on the disk for ${target}; the file before it is untouched`,
    )
    expect(await node.readTextFile(target)).toBe('old')
    expect(await node.listFolder(folder)).toEqual(['model.safetensors'])
  })

  it('keeps texts in the cache folder of the user', async () => {
    const { XDG_CACHE_HOME, HOME } = process.env
    try {
      process.env['XDG_CACHE_HOME'] = folder
      expect(await node.readCache('a.json')).toBeNull()
      await node.writeCache('a.json', 'one')
      await node.writeCache('a.json', 'two')
      expect(await node.readCache('a.json')).toBe('two')
      expect(await node.listFolder(join(folder, 'peft-medaware'))).toEqual(['a.json'])
      // A relative path is to be ignored.
      process.env['XDG_CACHE_HOME'] = 'here'
      process.env['HOME'] = join(folder, 'home')
      await node.writeCache('b.json', 'three')
      expect(await node.listFolder(join(folder, 'home/.cache/peft-medaware'))).toEqual(['b.json'])
    } finally {
      Object.assign(process.env, { HOME })
      if (XDG_CACHE_HOME === undefined) delete process.env['XDG_CACHE_HOME']
      else process.env['XDG_CACHE_HOME'] = XDG_CACHE_HOME
    }
  })

  it('reads parts of a file', async () => {
    const path = join(folder, 'bytes')
    await writeFile(path, new Uint8Array([0, 1, 2, 3, 4]))
    const source = await node.fileSource(path)
    expect(source.byteLength).toBe(5)
    expect([...(await source.read(1, 4))]).toEqual([1, 2, 3])
    await expect(source.read(3, 6)).rejects.toThrow(`${path}: bytes 3 to 6 are not within its 5 bytes`)
    await writeFile(path, new Uint8Array([0, 1]))
    await expect(source.read(0, 5)).rejects.toThrow(`${path}: ends at byte 2, it was cut while it was read`)
    await source.close?.()
  })

  it('says what is not there', async () => {
    const path = join(folder, 'absent')
    expect(await node.fileExists(path)).toBe(false)
    expect(await node.fileExists(folder)).toBe(true)
    await expect(node.fileSource(path)).rejects.toThrow(`fileSource: there is no ${path}`)
    await expect(node.readTextFile(path)).rejects.toThrow(`readTextFile: there is no ${path}`)
    await expect(node.listFolder(path)).rejects.toThrow(`listFolder: there is no ${path}`)
  })
})

describe('browser', () => {
  it('says what to use instead of paths', async () => {
    await expect(browser.readTextFile('a.json')).rejects.toThrow(
      'readTextFile: browsers have no path a.json; use file.text() or fetch',
    )
    await expect(browser.writeFileAtomic('a', new Uint8Array())).rejects.toThrow('offer it as a download')
    await expect(browser.listFolder('a')).rejects.toThrow('let the user choose files')
    await expect(browser.fileExists('a')).rejects.toThrow('let the user choose files')
    await expect(browser.fileSource('a')).rejects.toThrow('use blobSource with a File the user chose, or urlSource')
  })

  it('says why there is no GPU', async () => {
    expect(await browser.requestGpu()).toEqual({
      reason: 'this browser has no navigator.gpu; WebGPU needs a recent browser and a page served over https',
    })
  })
})
