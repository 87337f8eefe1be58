import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { cachedModels, deleteCachedModel } from '../../../src/io/huggingface/cached-models.ts'
import { readText } from '../../../src/io/sources/folder.ts'
import { openFolder } from '../../../src/io/sources/open-folder.ts'
import type { CacheAnswer, CacheStore } from '../../../src/platform/cache-store.ts'
import { partBytes } from '../../../src/platform/page-cache/growing-parts.ts'
import { openStore } from '../../../src/platform/page-cache/page-store.ts'
import { FakeLocks, MemoryShelf } from '../../platform/page-cache/memory-shelf.ts'
import { fakeCommit, type FakeHub, sendRanged } from './fake-hub.ts'
import { fakeHub } from './temporary-hub.ts'

const page = vi.hoisted((): { answer: CacheAnswer } => ({ answer: { reason: 'nothing is opened' } }))
vi.mock('#platform', async () => ({
  ...(await import('../../../src/platform/browser.ts')),
  openCacheStore: async () => page.answer,
}))

let shelf: MemoryShelf
let locks: FakeLocks
let estimate: { quota?: number; usage?: number }
let stores: CacheStore[]
beforeEach(async () => {
  shelf = new MemoryShelf()
  locks = new FakeLocks()
  estimate = {}
  stores = []
  vi.stubGlobal('navigator', { locks, storage: { estimate: async () => estimate } })
  await visit()
})
afterEach(() => vi.unstubAllGlobals())

/** Opens the page: those that were open before are closed. */
async function visit(): Promise<void> {
  for (const { processName } of stores.splice(0)) locks.drop(`peft-medaware ${processName}`)
  const store = await openStore(shelf)
  stores.push(store)
  page.answer = { store }
}

const large = new Uint8Array(2 * partBytes + 70_000).map((_, i) => (i * 2654435761) >>> 13)
const files = { 'config.json': '{"a":1}', 'model.safetensors': large, 'part/x.gguf': 'GGUF' }
const warnings: string[] = []
const open = (hub: FakeHub, more = {}) =>
  openFolder('lab/tiny', { hub: { endpoint: hub.endpoint, ...more }, onWarning: (message) => warnings.push(message) })

async function readLarge(hub: FakeHub, more = {}): Promise<Uint8Array> {
  const source = await (await open(hub, more)).open('model.safetensors')
  return source.read(0, source.byteLength)
}

/** Not `toEqual`, which goes through 33 million numbers one by one. */
const isLarge = (bytes: Uint8Array) => Buffer.compare(bytes, large) === 0

it('is fetched once: a second visit asks nobody, and a branch moves when that is asked for', async () => {
  const hub = await fakeHub(files)
  const progress: unknown[] = []
  const look = async () => {
    const hubOptions = { endpoint: hub.endpoint }
    const folder = await openFolder('lab/tiny', { hub: hubOptions, onDownload: (each) => progress.push(each) })
    const source = await folder.open('model.safetensors')
    const has = await Promise.all(['tokenizer.json', 'config.json'].map((name) => folder.has(name)))
    const across = await source.read(partBytes - 5, 2 * partBytes + 5)
    expect(Buffer.compare(across, large.subarray(partBytes - 5, 2 * partBytes + 5))).toBe(0)
    return [await readText(folder, 'config.json'), source.byteLength, has]
  }
  const first = await look()
  expect(first).toEqual(['{"a":1}', large.length, [false, true]])
  const [listing, stored, config] = hub.heard
  expect([listing?.path, stored?.path, config?.path]).toEqual([
    '/api/models/lab/tiny/revision/main?blobs=true',
    `/lab/tiny/resolve/${fakeCommit}/model.safetensors`,
    '/model.safetensors',
  ])
  expect(progress.at(-1)).toMatchObject({ file: 'config.json', done: 7, total: 7, secondsLeft: 0 })
  const asked = hub.heard.length
  await visit()
  expect(await look()).toEqual(first)
  expect(hub.heard.length).toBe(asked)
  await readText(await open(hub, { refresh: true }), 'config.json')
  expect(hub.heard.slice(asked).map(({ path }) => path)).toEqual(['/api/models/lab/tiny/revision/main?blobs=true'])
  // A commit never moves.
  await readText(await openFolder(`lab/tiny@${fakeCommit}`, { hub: { endpoint: hub.endpoint } }), 'config.json')
  expect(hub.heard.length).toBe(asked + 1)
})

it('is listed and deleted by its name', async () => {
  expect([await cachedModels(), await deleteCachedModel('lab/tiny')]).toEqual([[], 0])
  const hub = await fakeHub(files)
  await readLarge(hub)
  await readText(await open(hub), 'config.json')
  const bytes = large.length + 7
  expect(await cachedModels()).toEqual([
    { name: 'lab/tiny', bytes, incompleteBytes: 0, revisions: { main: fakeCommit } },
  ])
  expect(await deleteCachedModel('lab/tiny')).toBe(bytes)
  expect(shelf.pieces.size).toBe(0)
  await expect(deleteCachedModel('tiny')).rejects.toThrow('deleteCachedModel: "tiny" is no name of a model')
})

it('is gone on with after the page was closed in the midst, and after cut connections and a busy Hub', async () => {
  const hub = await fakeHub(files)
  let cuts = 0
  hub.twist = ({ place, range, method }, response, body) => {
    if (place === 'hub' && method === 'GET' && cuts++ === 1) {
      response.writeHead(503).end()
      return true
    }
    if (place !== 'storage' || cuts++ > 4) return false
    const [, begin = '0'] = /(\d+)-/.exec(range ?? '') ?? []
    const end = Math.min(body.length, Number(begin) + partBytes + 1000)
    response.writeHead(range === undefined ? 200 : 206, {
      'content-length': body.length - Number(begin),
      ...(range !== undefined && { 'content-range': `bytes ${begin}-${body.length - 1}/${body.length}` }),
    })
    response.write(body.subarray(Number(begin), end), () => response.destroy())
    return true
  }
  expect(isLarge(await readLarge(hub))).toBe(true)
  const ranges = hub.heard.filter(({ place }) => place === 'storage').map(({ range }) => range)
  expect(ranges.length).toBeGreaterThan(1)
  expect(Number(/\d+/.exec(ranges.at(-1) ?? '')?.[0])).toBeGreaterThan(partBytes)
})

it('takes what a closed page has left, but not what a page that lives is writing', async () => {
  const hub = await fakeHub(files)
  const stop = new AbortController()
  const isSlow = { now: true }
  hub.twist = ({ place, range }, response, body) => {
    if (place !== 'storage' || !isSlow.now) return false
    // Sends a part and a bit, and no more; the page is closed meanwhile.
    response.writeHead(200, { 'content-length': body.length })
    response.write(body.subarray(0, partBytes + 100_000))
    return range === undefined
  }
  const folder = await openFolder('lab/tiny', { hub: { endpoint: hub.endpoint }, signal: stop.signal })
  const halted = folder.open('model.safetensors')
  halted.catch(() => undefined)
  const partial = () => [...shelf.pieces.keys()].find((path) => path.endsWith('.incomplete'))
  await vi.waitFor(() => expect(partial()).toContain('page.'), 20_000)
  await vi.waitFor(() => expect([...shelf.pieces.keys()].some((path) => /parts-\w+\/0$/.test(path))).toBe(true), 20_000)
  isSlow.now = false
  // Another tab waits for it.
  const [first] = stores
  const second = await openStore(shelf)
  page.answer = { store: second }
  const waiting = readLarge(hub)
  await new Promise((resolve) => setTimeout(resolve, 250))
  expect(hub.heard.filter(({ place }) => place === 'storage')).toHaveLength(1)
  locks.drop(`peft-medaware ${first?.processName}`)
  expect(isLarge(await waiting)).toBe(true)
  expect(hub.heard.filter(({ place }) => place === 'storage').at(-1)?.range).toBe(`bytes=${partBytes}-`)
  stop.abort(new Error('closed'))
  await expect(halted).rejects.toThrow('closed')
})

it('throws away what is damaged, says so, and fetches it anew', async () => {
  const hub = await fakeHub(files)
  await readLarge(hub)
  const part = (n: number) =>
    [...shelf.pieces.keys()].find((path) => path.endsWith(`/${n}`) && path.includes('parts-')) ?? ''
  const harms: readonly [number, (piece: Blob) => Blob | null, string][] = [
    [1, (piece) => piece.slice(0, piece.size - 1), `part 2 of 3 has ${partBytes - 1} bytes in place of ${partBytes}`],
    [0, (piece) => new Blob([Uint8Array.of(1), piece.slice(1)]), 'part 1 of 3 has another checksum than when it was'],
    [2, () => null, 'part 3 of 3 is missing'],
  ]
  for (const [n, harm, words] of harms) {
    warnings.length = 0
    const path = part(n)
    const harmed = harm(shelf.pieces.get(path) ?? new Blob())
    if (harmed === null) shelf.pieces.delete(path)
    else shelf.pieces.set(path, harmed)
    expect(isLarge(await readLarge(hub))).toBe(true)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('hub: model.safetensors of lab/tiny is fetched anew; the memory of a test: ')
    expect(warnings[0]).toContain(words)
  }
  // Nothing of the damaged ones is left.
  expect(shelf.used()).toBeLessThan(large.length + 4096)
})

it('keeps nothing of other bytes than the Hub announced', async () => {
  const hub = await fakeHub(files)
  hub.twist = ({ place, range }, response, body) => {
    if (place !== 'storage') return false
    sendRanged(response, Uint8Array.from(body).fill(7, 100, 200), range, {})
    return true
  }
  await expect(readLarge(hub)).rejects.toThrow(/was damaged on its way: its sha256 is .*; it was removed, try again$/)
  expect(shelf.used()).toBeLessThan(4096)
  hub.twist = null
  expect(isLarge(await readLarge(hub))).toBe(true)
})

it('says what it needs and what is free where there is no room, and frees what it began', async () => {
  const hub = await fakeHub(files)
  estimate = { quota: 2_000_000, usage: 500_000 }
  await expect(readLarge(hub)).rejects.toThrow(
    'hub: model.safetensors of lab/tiny needs 33.62 MB, the memory of a test has 1.50 MB; free some, or delete models that are kept (cachedModels, deleteCachedModel)',
  )
  // A browser that says nothing beforehand.
  estimate = {}
  shelf.room = partBytes + 2000
  await expect(readLarge(hub)).rejects.toThrow('there is no room for it in what the browser lets this page keep')
  expect(shelf.used()).toBeLessThan(4096)
})

it('is read in parts where it is not to be downloaded, or where nothing can be kept, which is said', async () => {
  const hub = await fakeHub(files)
  const source = await (await open(hub, { download: false })).open('model.safetensors')
  expect(
    Buffer.from(await source.read(partBytes, partBytes + 9)).equals(large.subarray(partBytes, partBytes + 9)),
  ).toBe(true)
  expect(shelf.used()).toBeLessThan(4096)
  page.answer = { reason: 'this browser lets the page keep no files (no)' }
  warnings.length = 0
  expect(await readText(await open(hub), 'config.json')).toBe('{"a":1}')
  expect(warnings).toEqual([
    'hub: lab/tiny is read from the Hub and not kept, this browser lets the page keep no files (no)',
  ])
})
