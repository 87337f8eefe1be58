import { createHash } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { digestMedquad } from '../../../examples/medquad/data/digest-medquad.ts'
import type { DownloadProgress } from '../../../examples/medquad/data/download.ts'
import { fetchMedquad, fetchMirror, medquadMirrors } from '../../../examples/medquad/data/fetch-medquad.ts'
import { loadMedquad } from '../../../examples/medquad/data/load-medquad.ts'
import { groupByDisease } from '../../../examples/medquad/data/split-medquad.ts'
import { archiveOf, diseaseXml, folderOf, someFiles, tempFolder } from './medquad-files.ts'
import { sampleSize } from './sample-size.ts'
import { sharedKeys } from './shared-keys.ts'

/** A server that answers so; returns its address and counts what it is asked. */
async function serve(
  listener: RequestListener,
): Promise<{ url: string; asked: () => number; stop: () => Promise<void> }> {
  let asked = 0
  const server = createServer((request, response) => {
    asked++
    listener(request, response)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const stop = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done())
      server.closeAllConnections()
    })
  onTestFinished(stop)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive.tar.gz`, asked: () => asked, stop }
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  )
const archive = async (): Promise<Buffer> => readFile(await archiveOf(await folderOf(someFiles)))
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The digest of `someFiles` written out: a line for each XML file, by name. */
const lines = [
  '1_Alpha_QA/0000001.xml',
  '1_Alpha_QA/0000009.xml',
  '2_Beta_QA/0000002.xml',
  '3_Gamma_QA/0000003.xml',
] as const
const expected = { files: 4, sha256: sha256(lines.map((path) => `${sha256(someFiles[path])} ${path}\n`).join('')) }

describe('digestMedquad', () => {
  it('is about names and contents, not about what packed them', async () => {
    const folder = await folderOf(someFiles)
    expect(await digestMedquad(folder)).toEqual(expected)
    expect(await digestMedquad(await archiveOf(folder, 'MedQuAD-master'))).toEqual(expected)
    expect(await digestMedquad(await archiveOf(folder, 'elsewhere/deep', false))).toEqual(expected)
    const changed = await folderOf({ ...someFiles, '2_Beta_QA/0000002.xml': diseaseXml.replace('fog', 'dog') })
    expect((await digestMedquad(changed)).sha256).not.toBe(expected.sha256)
  })
})

describe('fetchMedquad', () => {
  it('downloads once, with progress, and finds the archive in the cache after that', async () => {
    const bytes = await archive()
    const server = await serve((_, response) => response.setHeader('content-length', bytes.length).end(bytes))
    const cacheDir = join(await tempFolder(), 'new', 'cache')
    const seen: DownloadProgress[] = []
    const path = await fetchMedquad({
      cacheDir,
      url: server.url,
      expected,
      onProgress: (progress) => seen.push(progress),
    })
    expect(basename(path)).toBe(`medquad-${expected.sha256.slice(0, 12)}.tar.gz`)
    expect(await readFile(path)).toEqual(bytes)
    expect(seen.at(-1)).toMatchObject({ received: bytes.length, total: bytes.length })
    expect(seen.every(({ rate }) => rate > 0)).toBe(true)
    expect(await readdir(cacheDir)).toEqual([basename(path)])

    expect(await fetchMedquad({ cacheDir, url: server.url, expected })).toBe(path)
    await server.stop()
    expect(await fetchMedquad({ cacheDir, url: server.url, expected })).toBe(path)
    expect(server.asked()).toBe(1)
  })

  it('does without a length, as GitHub sends none', async () => {
    const bytes = await archive()
    const server = await serve((_, response) => {
      response.write(bytes.subarray(0, 100))
      response.end(bytes.subarray(100))
    })
    const seen: DownloadProgress[] = []
    await fetchMedquad({ cacheDir: await tempFolder(), url: server.url, expected, onProgress: (p) => seen.push(p) })
    expect(seen.at(-1)).toEqual({ received: bytes.length, rate: expect.any(Number) as number })
  })

  it('leaves nothing behind when the download breaks off', async () => {
    const bytes = await archive()
    const server = await serve((_, response) => {
      response.setHeader('content-length', bytes.length)
      response.write(bytes.subarray(0, 200), () => response.destroy())
    })
    const cacheDir = await tempFolder()
    expect(await failure(fetchMedquad({ cacheDir, url: server.url, expected }))).toMatchObject({
      name: 'DataError',
      code: 'truncated',
      message: expect.stringMatching(/^http.* broke off after \d+ bytes, .*$/) as string,
    })
    expect(await readdir(cacheDir)).toEqual([])
  })

  it('notices a body shorter than its length', async () => {
    const short = (): Promise<Response> => Promise.resolve(new Response('half', { headers: { 'content-length': '8' } }))
    const asked = fetchMedquad({ cacheDir: await tempFolder(), url: 'http://short/', expected, fetch: short })
    expect(await failure(asked)).toMatchObject({
      code: 'truncated',
      message: 'http://short/ ended after 4 of 8 bytes',
    })
  })

  it('refuses other content, says how it differs, and leaves what was in the cache', async () => {
    const changed = await readFile(await archiveOf(await folderOf({ '2_Beta_QA/0000002.xml': diseaseXml })))
    const server = await serve((_, response) => response.end(changed))
    const cacheDir = await tempFolder()
    await writeFile(join(cacheDir, 'medquad-mine.tar.gz'), 'mine')
    const other = sha256(`${sha256(diseaseXml)} 2_Beta_QA/0000002.xml\n`)
    expect(await failure(fetchMedquad({ cacheDir, url: server.url, expected }))).toMatchObject({
      code: 'digest',
      message:
        `${server.url} differs from the MedQuAD known here: 1 XML files of digest ${other}, ` +
        `expected 4 of ${expected.sha256}; read it as data of your own if you trust it`,
    })
    expect(await readdir(cacheDir)).toEqual(['medquad-mine.tar.gz'])
  })

  it('refuses what is no archive', async () => {
    const server = await serve((_, response) => response.end('<html>Sign in to this network</html>'.repeat(50)))
    expect(await failure(fetchMedquad({ cacheDir: await tempFolder(), url: server.url, expected }))).toMatchObject({
      code: 'digest',
      message: expect.stringMatching(
        /^http\S+ is not MedQuAD's archive: medquad: the download is no whole tar archive, /,
      ) as string,
    })
  })

  it('calls it network where there is no connection or no success', async () => {
    const gone = await serve((_, response) => response.end())
    await gone.stop()
    const cacheDir = await tempFolder()
    expect(await failure(fetchMedquad({ cacheDir, url: gone.url, expected }))).toMatchObject({
      code: 'network',
      message: `cannot reach ${new URL(gone.url).host}, connect ECONNREFUSED ${new URL(gone.url).host}`,
    })
    const busy = await serve((_, response) => response.writeHead(503).end())
    expect(await failure(fetchMedquad({ cacheDir, url: busy.url, expected }))).toMatchObject({
      code: 'network',
      message: `${busy.url} answered 503 Service Unavailable`,
    })
  })

  it('stops when it is told to', async () => {
    const server = await serve((_, response) => response.write('never ends'))
    const stop = new AbortController()
    const cacheDir = await tempFolder()
    const asked = fetchMedquad({
      cacheDir,
      url: server.url,
      expected,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    })
    expect(await failure(asked)).toEqual(new Error('enough'))
    expect(await readdir(cacheDir)).toEqual([])
  })
})

/** Rows as `lavita/MedQuAD` has them, made by make-parquet.py beside the file: one of them withdrawn. */
const parquetCopy = () => readFile(new URL('../../fixtures/medquad/lavita-rows.parquet', import.meta.url))

const [lavita, keivalya] = medquadMirrors as [(typeof medquadMirrors)[number], (typeof medquadMirrors)[number]]

describe('loadMedquad', () => {
  it('reads, cleans, counts and splits the data given', async () => {
    const folder = await folderOf(someFiles)
    const seen: unknown[] = []
    const loaded = await loadMedquad({ data: folder, cacheDir: folder, onProgress: (progress) => seen.push(progress) })
    expect(loaded.origin).toBe('given')
    expect(loaded.counts).toMatchObject({ files: 4, pairs: 4, answered: 3 })
    expect(loaded.pairs.map((pair) => pair.answer)).toEqual(["It isn't red < 38 °C.\n- one", 'Moss & fog.', '1234'])
    expect([loaded.train.length, loaded.validation.length, loaded.test.length]).toEqual([1, 1, 1])
    expect(seen.at(-1)).toEqual({ stage: 'read', done: 4, total: 4 })
  })

  it('downloads where none is given', async () => {
    const bytes = await archive()
    const server = await serve((_, response) => response.end(bytes))
    const stages = new Set<string>()
    const loaded = await loadMedquad({
      cacheDir: await tempFolder(),
      download: { url: server.url, expected },
      onProgress: ({ stage }) => stages.add(stage),
    })
    expect(loaded).toMatchObject({ origin: 'download', counts: { files: 4 } })
    expect([...stages]).toEqual(['download', 'read'])
  })

  it('asks the copy on the Hub next, and says so', async () => {
    const copy = await parquetCopy()
    const hub = await serve((request, response) => {
      asked.push(request.url ?? '')
      response.end(copy)
    })
    const asked: string[] = []
    const github = await serve((_, response) => response.writeHead(503).end())
    const warnings: string[] = []
    const cacheDir = await tempFolder()
    const load = () =>
      loadMedquad({
        cacheDir,
        download: { url: github.url },
        mirror: { endpoint: new URL(hub.url).origin, mirrors: [{ ...lavita, pairs: 4, answered: 3 }] },
        warn: (text) => warnings.push(text),
      })
    const loaded = await load()
    expect(warnings).toEqual([`MedQuAD cannot be had from GitHub: ${github.url} answered 503 Service Unavailable`])
    expect(asked).toEqual([
      '/datasets/lavita/MedQuAD/resolve/84ea67f83cec9692ad254eaa02c9731b24ecfe4c/data/train-00000-of-00001-e36383d177026d53.parquet',
    ])
    expect(loaded).toMatchObject({ origin: 'mirror', counts: { pairs: 4, answered: 3, distinctCuis: 3 } })
    expect(loaded.pairs[0]).toEqual({
      id: '0000559-1',
      collection: 'GHR',
      focus: 'woolly hair',
      cui: ['C0343073', 'C0000001'],
      semanticTypes: ['T047'],
      semanticGroups: ['Disorders'],
      qid: '0000559-1',
      qtype: 'information',
      question: 'What is (are) woolly hair?',
      answer: 'Woolly hair is hair.',
      source: 'GHR',
      url: 'https://example.org/woolly',
    })
    await load()
    expect(asked.length).toBe(1)
  })

  it('asks a second copy, whose questions name the disease, where the first is gone', async () => {
    const rows = [
      'What is (are) Gout ?,It hurts.',
      'What causes Gout ?,Crystals.',
      'Is Marfan syndrome inherited ?,Yes.',
    ]
    const hub = await serve((request, response) => {
      if (request.url?.includes('/lavita/')) response.writeHead(404).end()
      else response.end(`qtype,Question,Answer\n${rows.map((row) => `x,${row}\n`).join('')}`)
    })
    const warnings: string[] = []
    const loaded = await loadMedquad({
      cacheDir: await tempFolder(),
      download: { url: hub.url.replace('archive', 'lavita/archive') },
      mirror: { endpoint: new URL(hub.url).origin, mirrors: [lavita, { ...keivalya, pairs: 3, answered: 3 }] },
      warn: (text) => warnings.push(text),
    })
    expect(warnings).toHaveLength(2)
    expect(loaded.origin).toBe('mirror')
    expect(loaded.pairs.map(({ focus }) => focus)).toEqual(['Gout', 'Gout', 'Marfan syndrome'])
    expect(groupByDisease(loaded.pairs).size).toBe(2)
  })

  it('refuses a copy that holds other pairs, or is none', async () => {
    const copy = await parquetCopy()
    const hub = await serve((_, response) => response.end(copy))
    const endpoint = new URL(hub.url).origin
    const cacheDir = await tempFolder()
    const asked = fetchMirror(lavita, { cacheDir, endpoint })
    expect(await failure(asked)).toMatchObject({
      code: 'digest',
      message: expect.stringMatching(
        /differs from the copy known here: 4 pairs, 3 answered, expected 47441 and 16407$/,
      ) as string,
    })
    const page = await serve((_, response) => response.end('<html>Sign in</html>'))
    expect(await failure(fetchMirror(lavita, { cacheDir, endpoint: new URL(page.url).origin }))).toMatchObject({
      code: 'digest',
      message: expect.stringMatching(/is not MedQuAD's copy: .* is no Parquet that can be read, /) as string,
    })
    expect(await readdir(cacheDir)).toEqual([])
  })

  it('waits for nobody without end', async () => {
    const silent = await serve(() => undefined)
    const stuck = await serve((_, response) => response.write('a beginning'))
    const cacheDir = await tempFolder()
    const patience = 100
    expect(await failure(fetchMedquad({ cacheDir, url: silent.url, expected, patience }))).toMatchObject({
      code: 'network',
      message: `cannot reach ${new URL(silent.url).host}, nothing came for 0.1 s`,
    })
    expect(await failure(fetchMedquad({ cacheDir, url: stuck.url, expected, patience }))).toMatchObject({
      code: 'truncated',
      message: `${stuck.url} broke off after 11 bytes, nothing came for 0.1 s`,
    })
  })

  it('goes on with the sample where there is no network, and says so', async () => {
    const offline = (): Promise<Response> =>
      Promise.reject(new TypeError('fetch failed', { cause: new Error('offline') }))
    const warnings: string[] = []
    const loaded = await loadMedquad({
      cacheDir: await tempFolder(),
      download: { url: 'https://example.org/m.tar.gz', fetch: offline },
      mirror: { endpoint: 'https://example.org/', fetch: offline },
      warn: (text) => warnings.push(text),
    })
    expect(warnings).toEqual([
      'MedQuAD cannot be had from GitHub: cannot reach example.org, offline',
      'MedQuAD cannot be had from its copy lavita/MedQuAD on the Hub: cannot reach example.org, offline',
      'MedQuAD cannot be had from its copy keivalya/MedQuad-MedicalQnADataset on the Hub: cannot reach example.org, offline',
      'Going on with the sample that comes with the recipe; for MedQuAD itself give --data a copy of it.',
    ])
    expect(loaded).toMatchObject({ origin: 'sample', counts: { pairs: sampleSize } })
    expect(loaded.train.length).toBeGreaterThan(40)
    expect(Math.min(loaded.validation.length, loaded.test.length)).toBeGreaterThan(3)
    expect(sharedKeys(loaded.train, [...loaded.validation, ...loaded.test])).toEqual([])
  })

  it('does not fall back from a download that is not MedQuAD, nor from data that holds nothing', async () => {
    const server = await serve((_, response) => response.end('nothing'))
    const asked = loadMedquad({ cacheDir: await tempFolder(), download: { url: server.url, expected } })
    expect(await failure(asked)).toMatchObject({ code: 'digest' })
    const data = join(await folderOf({ 'a.jsonl': '{"question":"Q?","answer":" "}' }), 'a.jsonl')
    expect(await failure(loadMedquad({ data, cacheDir: await tempFolder() }))).toMatchObject({
      code: 'not-found',
      message: `loadMedquad: none of the 1 pairs in ${data} has an answer`,
    })
  })
})
