import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { mkdir, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { hubFolder } from '../../../src/io/huggingface/hub-folder.ts'
import type { DownloadProgress, HubFolderOptions } from '../../../src/io/huggingface/hub-folder-options.ts'
import type { HubOptions } from '../../../src/io/huggingface/hub-settings.ts'
import { readText } from '../../../src/io/sources/folder.ts'
import { disk } from '../../../src/platform/node.ts'
import { programAt } from '../../programs/run-program.ts'
import { fakeCommit, sendRanged, type FakeHub } from './fake-hub.ts'
import { fakeHub } from './temporary-hub.ts'
import { temporaryFolder } from '../tiny-files.ts'

const large = new Uint8Array(3_000_000).map((_, i) => (i * 2654435761) >>> 13)
const files = { 'config.json': '{"a":1}', 'model.safetensors': large }
const refusal = (code: string, message: string): unknown => expect.objectContaining({ code, message })
const tiny = { name: 'lab/tiny', revision: 'main' }

let cacheFolder: string
let repo: string
beforeEach(async () => {
  cacheFolder = await temporaryFolder()
  repo = join(cacheFolder, 'models--lab--tiny')
})

const settings = (hub: Pick<FakeHub, 'endpoint'>, more: HubOptions = {}): HubOptions => ({
  endpoint: hub.endpoint,
  token: null,
  offline: false,
  cacheFolder,
  ...more,
})
const openTiny = (hub: Pick<FakeHub, 'endpoint'>, more: HubOptions = {}, options: HubFolderOptions = {}) =>
  hubFolder(tiny, { ...options, hub: settings(hub, more) })

/** All bytes of a file. */
async function bytesOf(folder: Awaited<ReturnType<typeof openTiny>>, fileName: string): Promise<Uint8Array> {
  const source = await folder.open(fileName)
  const bytes = await source.read(0, source.byteLength)
  await source.close?.()
  return bytes
}

const blobs = () => readdir(join(repo, 'blobs'))
/** Whether two arrays hold the same bytes, without a report of a million lines. */
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** Breaks a connection after so many bytes of what was asked for. */
const breakAfter = (bytes: number) => {
  return (hub: FakeHub) => {
    hub.twist = (heard, response, body) => {
      if (heard.place !== 'storage') return false
      const begin = Number(/\d+/.exec(heard.range ?? '0')?.[0])
      const part = { 'content-range': `bytes ${begin}-${body.length - 1}/${body.length}` }
      response.writeHead(begin > 0 ? 206 : 200, { 'content-length': body.length - begin, ...(begin > 0 && part) })
      response.write(body.subarray(begin, begin + bytes), () => setTimeout(() => response.destroy(), 20))
      return true
    }
  }
}

describe('a model of the Hub', () => {
  it('is cached as huggingface_hub caches it, and asked for once', async () => {
    const hub = await fakeHub(files)
    const progress: DownloadProgress[] = []
    const folder = await openTiny(hub, {}, { onDownload: (each) => progress.push(each) })
    expect(folder.name).toBe('lab/tiny')
    expect(await readText(folder, 'config.json')).toBe('{"a":1}')
    expect(same(await bytesOf(folder, 'model.safetensors'), large)).toBe(true)
    expect([await folder.has('tokenizer.json'), await folder.has('model.safetensors')]).toEqual([false, true])

    const sha1 = createHash('sha1').update('blob 7\0{"a":1}').digest('hex')
    const sha256 = createHash('sha256').update(large).digest('hex')
    expect((await blobs()).sort()).toEqual([sha1, sha256].sort())
    expect(readFileSync(join(repo, 'refs/main'), 'utf8')).toBe(fakeCommit)
    const snapshot = join(repo, 'snapshots', fakeCommit)
    expect(readlinkSync(join(snapshot, 'config.json'))).toBe(`../../blobs/${sha1}`)
    expect(readlinkSync(join(snapshot, 'model.safetensors'))).toBe(`../../blobs/${sha256}`)
    expect(existsSync(join(repo, '.no_exist', fakeCommit, 'tokenizer.json'))).toBe(true)
    expect(progress.filter(({ file }) => file === 'config.json').at(-1)).toEqual({
      phase: 'download',
      file: 'config.json',
      done: 7,
      total: 7,
      bytesPerSecond: expect.any(Number) as number,
      secondsLeft: 0,
    })
    const ofModel = progress.filter(({ file }) => file === 'model.safetensors').map(({ done }) => done)
    expect(ofModel).toEqual(ofModel.toSorted((a, b) => a - b))
    expect([ofModel.length, ofModel.at(-1)]).toEqual([expect.any(Number), large.length])
    expect(ofModel.length).toBeLessThan(6)

    hub.heard.length = 0
    const again = await openTiny(hub)
    expect(same(await bytesOf(again, 'model.safetensors'), large)).toBe(true)
    expect([await readText(again, 'config.json'), await again.has('tokenizer.json')]).toEqual(['{"a":1}', false])
    // One question: which commit main is by now.
    expect(hub.heard.map(({ method }) => method)).toEqual(['HEAD'])
    // A commit does not change.
    hub.heard.length = 0
    const pinned = await hubFolder({ ...tiny, revision: fakeCommit }, { hub: settings(hub) })
    expect(await readText(pinned, 'config.json')).toBe('{"a":1}')
    expect(hub.heard).toEqual([])
  })

  it('sends the token to the Hub and not to storage', async () => {
    const hub = await fakeHub(files, { token: 'hf_secret' })
    await bytesOf(await openTiny(hub, { token: 'hf_secret' }), 'model.safetensors')
    expect(hub.heard.map(({ place, method, token }) => [place, method, token])).toEqual([
      ['hub', 'HEAD', 'hf_secret'],
      ['hub', 'HEAD', 'hf_secret'],
      ['hub', 'GET', 'hf_secret'],
      ['storage', 'GET', undefined],
    ])
  })

  it('is found at a branch, a tag, a pull request or a commit', async () => {
    const hub = await fakeHub(files)
    for (const revision of ['v1', 'refs/pr/1', fakeCommit]) {
      const folder = await hubFolder({ ...tiny, revision }, { hub: settings(hub) })
      expect(await readText(folder, 'config.json')).toBe('{"a":1}')
    }
    expect((await readdir(join(repo, 'refs'), { recursive: true })).sort()).toEqual([
      'refs',
      'refs/pr',
      'refs/pr/1',
      'v1',
    ])
    expect(hub.heard[0]?.path).toBe('/lab/tiny/resolve/v1/config.json')
    expect(hub.heard.some(({ path }) => path === '/lab/tiny/resolve/refs%2Fpr%2F1/config.json')).toBe(true)
  })

  it('is taken at one commit, though the branch moves on', async () => {
    const hub = await fakeHub(files)
    const folder = await openTiny(hub)
    await readText(folder, 'config.json')
    await bytesOf(folder, 'model.safetensors')
    const after = hub.heard.slice(1).filter(({ place, path }) => place === 'hub' && !path.startsWith('/api/'))
    expect(after.every(({ path }) => path.includes(fakeCommit))).toBe(true)
  })

  it('is taken anew when the branch has moved', async () => {
    const first = await fakeHub(files)
    await readText(await openTiny(first), 'config.json')
    const second = await fakeHub({ 'config.json': '{"a":2}' }, { commit: 'beef'.padEnd(40, '0') })
    expect(await readText(await openTiny(second), 'config.json')).toBe('{"a":2}')
    expect(readFileSync(join(repo, 'refs/main'), 'utf8')).toBe(second.commit)
  })
})

describe('without the network', () => {
  /** The layout that huggingface_hub's snapshot_download leaves. */
  async function layOut(): Promise<void> {
    await mkdir(join(repo, 'blobs'), { recursive: true })
    await mkdir(join(repo, 'refs'))
    await mkdir(join(repo, 'snapshots', fakeCommit), { recursive: true })
    await writeFile(join(repo, 'blobs/abc'), '{"from":"python"}')
    await writeFile(join(repo, 'refs/main'), fakeCommit)
    await symlink('../../blobs/abc', join(repo, 'snapshots', fakeCommit, 'config.json'))
  }
  const nowhere = { endpoint: 'http://127.0.0.1:1' }

  it.each([[true], [false]])('a model in the cache is found, offline %s', async (offline) => {
    await layOut()
    const folder = await openTiny(nowhere, { offline })
    expect(await readText(folder, 'config.json')).toBe('{"from":"python"}')
    expect(await folder.has('tokenizer.json')).toBe(false)
  })

  it('says what is not in the cache, and why it was not asked for', async () => {
    await expect(readText(await openTiny(nowhere, { offline: true }), 'config.json')).rejects.toEqual(
      refusal('not-found', `hub: lab/tiny@main is not in ${repo}, and the Hub is not asked, HF_HUB_OFFLINE is set`),
    )
    await layOut()
    await expect(readText(await openTiny(nowhere, { offline: true }), 'model.safetensors')).rejects.toEqual(
      refusal(
        'not-found',
        `hub: model.safetensors of lab/tiny@main is not in ${repo}, and the Hub is not asked, HF_HUB_OFFLINE is set`,
      ),
    )
    await expect(readText(await openTiny(nowhere), 'model.safetensors')).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(
        /^hub: model\.safetensors of lab\/tiny@main is not in .*, and hub: http:\/\/127\.0\.0\.1:1\/lab\/tiny\/resolve\/main\/model\.safetensors cannot be reached, /,
      ) as string,
    })
    await rm(repo, { recursive: true })
    await expect(readText(await openTiny(nowhere), 'config.json')).rejects.toMatchObject({ code: 'network' })
  })

  it('a Hub that is down is as none', async () => {
    await layOut()
    const hub = await fakeHub(files)
    hub.twist = (_, response) => {
      response.writeHead(503).end()
      return true
    }
    expect(await readText(await openTiny(hub), 'config.json')).toBe('{"from":"python"}')
  })
})

describe('a download that broke off', () => {
  it('is asked for again where the Hub does not answer for a while', async () => {
    const hub = await fakeHub(files)
    const folder = await openTiny(hub)
    await readText(folder, 'config.json')
    let left = 2
    hub.twist = (_, response) => {
      if (left-- <= 0) return false
      response.writeHead(502).end()
      return true
    }
    expect(same(await bytesOf(folder, 'model.safetensors'), large)).toBe(true)
    expect(hub.heard.filter(({ method }) => method === 'HEAD').length).toBeGreaterThan(3)
  })

  it('is asked for again at the first question too, where the cache has nothing', async () => {
    const hub = await fakeHub(files)
    let left = 2
    hub.twist = (_, response) => {
      if (left-- <= 0) return false
      response.writeHead(503).end()
      return true
    }
    expect(await readText(await openTiny(hub), 'config.json')).toBe('{"a":1}')
  })

  it('goes on by itself where the connection is back', async () => {
    const hub = await fakeHub(files)
    breakAfter(1_000_000)(hub)
    expect(same(await bytesOf(await openTiny(hub), 'model.safetensors'), large)).toBe(true)
    const ranges = hub.heard.filter(({ place }) => place === 'storage').map(({ range }) => range)
    expect(ranges[0]).toBeUndefined()
    expect(ranges.length).toBeGreaterThan(2)
    const starts = ranges.slice(1).map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]))
    expect(starts).toEqual(starts.toSorted((a, b) => a - b))
    expect(await blobs()).toEqual([hub.etagOf('model.safetensors')])
  })

  it('is gone on from by the next program: what it left, or what huggingface_hub did', async () => {
    const hub = await fakeHub(files)
    const etag = hub.etagOf('model.safetensors')
    const ended = `${hostname().replace(/[^\w-]/g, '-')}.4194305-abcd1234`
    for (const name of [`${etag}.incomplete`, `${etag}.${ended}.incomplete`]) {
      hub.heard.length = 0
      await mkdir(join(repo, 'blobs'), { recursive: true })
      await writeFile(join(repo, 'blobs', name), large.subarray(0, 1_234_567))
      expect(same(await bytesOf(await openTiny(hub), 'model.safetensors'), large)).toBe(true)
      expect(hub.heard.at(-1)?.range).toBe('bytes=1234567-')
      expect(await blobs()).toEqual([etag])
      await rm(repo, { recursive: true })
    }
  })

  it('starts anew where the server knows no ranges, or what is there is too long', async () => {
    const hub = await fakeHub(files)
    const etag = hub.etagOf('model.safetensors')
    await mkdir(join(repo, 'blobs'), { recursive: true })
    await writeFile(join(repo, 'blobs', `${etag}.incomplete`), large.subarray(0, 1_234_567))
    hub.twist = ({ place }, response, body) => {
      if (place === 'storage') sendRanged(response, body, undefined, {})
      return place === 'storage'
    }
    expect(same(await bytesOf(await openTiny(hub), 'model.safetensors'), large)).toBe(true)
    await rm(repo, { recursive: true })
    await mkdir(join(repo, 'blobs'), { recursive: true })
    await writeFile(join(repo, 'blobs', `${etag}.incomplete`), new Uint8Array(large.length + 1))
    hub.twist = null
    expect(same(await bytesOf(await openTiny(hub), 'model.safetensors'), large)).toBe(true)
  })

  it('says so when it breaks again and again, and keeps what it has', async () => {
    const hub = await fakeHub(files)
    let sent = false
    hub.twist = ({ place }, response, body) => {
      if (place !== 'storage') return false
      if (sent) response.destroy()
      else {
        response.writeHead(200, { 'content-length': body.length })
        response.write(body.subarray(0, 500_000), () => setTimeout(() => response.destroy(), 20))
      }
      sent = true
      return true
    }
    await expect(bytesOf(await openTiny(hub), 'model.safetensors')).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(
        /cannot be reached, .*; 500\.00 kB are kept, the next attempt goes on from there$/,
      ) as string,
    })
    expect(await blobs()).toEqual([`${hub.etagOf('model.safetensors')}.incomplete`])
  }, 30_000)

  it('is kept when the caller stops it, with the reason of its signal', async () => {
    const hub = await fakeHub(files)
    const stop = new AbortController()
    const reason = new Error('the user left')
    const onDownload = ({ done }: DownloadProgress) => {
      if (done >= 500_000) stop.abort(reason)
    }
    hub.twist = (heard, response, body) => {
      if (heard.place !== 'storage') return false
      response.writeHead(200, { 'content-length': body.length })
      response.write(body.subarray(0, 1_500_000))
      return true
    }
    await expect(
      bytesOf(await openTiny(hub, {}, { signal: stop.signal, onDownload }), 'model.safetensors'),
    ).rejects.toBe(reason)
    expect(await blobs()).toEqual([`${hub.etagOf('model.safetensors')}.incomplete`])
    hub.heard.length = 0
    hub.twist = null
    expect(same(await bytesOf(await openTiny(hub), 'model.safetensors'), large)).toBe(true)
    expect(hub.heard.at(-1)?.range).toMatch(/^bytes=\d{6,7}-$/)
  })
})

describe('a download that is damaged', () => {
  it.each([
    ['model.safetensors', 'sha256'],
    ['config.json', 'sha1'],
  ])('%s is removed, and its %s is said', async (fileName, kind) => {
    const hub = await fakeHub(files)
    hub.twist = ({ method, path, range }, response, body) => {
      if (method !== 'GET' || !(path.startsWith('/api/') || path.startsWith('/model'))) return false
      const damaged = Buffer.from(body)
      damaged[3] = (damaged[3] ?? 0) ^ 1
      sendRanged(response, damaged, range, {})
      return true
    }
    await expect(bytesOf(await openTiny(hub), fileName)).rejects.toMatchObject({
      code: 'format',
      message: expect.stringMatching(
        new RegExp(
          `^hub: ${fileName} of lab/tiny was damaged on its way: its ${kind} is [0-9a-f]+, not ${hub.etagOf(fileName)}; it was removed, try again$`,
        ),
      ) as string,
    })
    expect(await blobs()).toEqual([])
    hub.twist = null
    expect((await bytesOf(await openTiny(hub), fileName)).length).toBeGreaterThan(0)
  })

  it('or of another length than the Hub says', async () => {
    const hub = await fakeHub(files)
    hub.twist = ({ place }, response, body) => {
      if (place === 'storage') sendRanged(response, body.subarray(0, 5000), undefined, {})
      return place === 'storage'
    }
    await expect(bytesOf(await openTiny(hub), 'model.safetensors')).rejects.toMatchObject({
      code: 'format',
      message: expect.stringContaining(
        'hub: model.safetensors of lab/tiny has 3000000 bytes by the Hub, 5000 by where it is stored',
      ) as string,
    })
  }, 30_000)

  it('or goes on after its last byte: that is no connection to try again', async () => {
    const hub = await fakeHub(files)
    hub.twist = ({ place }, response, body) => {
      // Without a Content-Length, and another surplus each time.
      if (place === 'storage') response.write(body, () => response.end(Buffer.alloc(Math.ceil(Math.random() * 1e5))))
      return place === 'storage'
    }
    await expect(bytesOf(await openTiny(hub), 'model.safetensors')).rejects.toEqual(
      refusal(
        'format',
        'hub: model.safetensors of lab/tiny goes on after its 3000000 bytes; it is not the file that the Hub announced',
      ),
    )
    expect(hub.heard.filter(({ place }) => place === 'storage').length).toBe(1)
  })

  it('does not start without room on the disk', async () => {
    const hub = await fakeHub(files)
    const spied = vi.spyOn(disk!, 'freeBytes').mockResolvedValue(1000)
    try {
      await expect(bytesOf(await openTiny(hub), 'model.safetensors')).rejects.toEqual(
        refusal(
          'disk',
          `hub: model.safetensors of lab/tiny needs 3.00 MB, ${repo}/blobs has 1.00 kB; free some, or set HF_HOME to another disk`,
        ),
      )
    } finally {
      spied.mockRestore()
    }
  })
})

describe('two downloads of one file', () => {
  it('bring the same bytes; the later one waits for the earlier', async () => {
    const hub = await fakeHub(files)
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => openTiny(hub)))
    const first = bytesOf(one!, 'model.safetensors')
    const all = await Promise.all([first, bytesOf(two!, 'model.safetensors'), bytesOf(three!, 'model.safetensors')])
    expect(all.every((bytes) => same(bytes, large))).toBe(true)
    expect(await blobs()).toEqual([hub.etagOf('model.safetensors')])
  })

  it('by three programs at once leave one whole file', async () => {
    const hub = await fakeHub(files)
    // Slow enough that the programs meet.
    hub.twist = ({ place, range }, response, body) => {
      if (place === 'storage') setTimeout(() => sendRanged(response, body, range, {}), 150)
      return place === 'storage'
    }
    const script = programAt('test/io/huggingface/download-tiny')
    const run = () => promisify(execFile)(process.execPath, [script, hub.endpoint, cacheFolder, 'model.safetensors'])
    const digests = await Promise.all([run(), run(), run()].map(async (each) => (await each).stdout.trim()))
    expect(new Set(digests)).toEqual(new Set([hub.etagOf('model.safetensors')]))
    expect(await blobs()).toEqual([hub.etagOf('model.safetensors')])
  }, 60_000)

  it('a program that is killed leaves what the next one goes on from', async () => {
    const hub = await fakeHub(files)
    hub.twist = ({ place }, response, body) => {
      if (place !== 'storage') return false
      response.writeHead(200, { 'content-length': body.length })
      response.write(body.subarray(0, 1_500_000))
      return true
    }
    const script = programAt('test/io/huggingface/download-tiny')
    const child = spawn(process.execPath, [script, hub.endpoint, cacheFolder, 'model.safetensors'])
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await vi.waitUntil(async () => {
      const [name] = existsSync(join(repo, 'blobs')) ? await blobs() : []
      return name !== undefined && statSync(join(repo, 'blobs', name)).size >= 1_400_000
    }, 30_000)
    child.kill('SIGKILL')
    await ended
    hub.twist = null
    hub.heard.length = 0
    expect(same(await bytesOf(await openTiny(hub), 'model.safetensors'), large)).toBe(true)
    expect(hub.heard.at(-1)?.range).toMatch(/^bytes=1[45]\d{5}-$/)
    expect(await blobs()).toEqual([hub.etagOf('model.safetensors')])
  }, 60_000)

  it('waits for a program that is at it, and not for one that has been silent', async () => {
    const hub = await fakeHub(files)
    const etag = hub.etagOf('model.safetensors')
    await mkdir(join(repo, 'blobs'), { recursive: true })
    const busy = join(repo, 'blobs', `${etag}.another-machine.1-abcd1234.incomplete`)
    await writeFile(busy, large.subarray(0, 10))
    const opened = bytesOf(await openTiny(hub), 'model.safetensors')
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(hub.heard.filter(({ place }) => place === 'storage')).toEqual([])
    await writeFile(`${busy}.whole`, large)
    await rename(`${busy}.whole`, join(repo, 'blobs', etag))
    expect(same(await opened, large)).toBe(true)
    expect(hub.heard.filter(({ place }) => place === 'storage')).toEqual([])

    await rm(join(repo, 'blobs', etag))
    await rm(join(repo, 'snapshots'), { recursive: true })
    const longAgo = new Date(Date.now() - 60_000)
    await utimes(busy, longAgo, longAgo)
    expect(same(await bytesOf(await openTiny(hub), 'model.safetensors'), large)).toBe(true)
    // What may still belong to another machine is left alone.
    expect((await blobs()).sort()).toEqual([etag, `${etag}.another-machine.1-abcd1234.incomplete`])
  })
})

describe('the Hub refuses', () => {
  const cases = [
    [
      { name: 'lab/none', revision: 'main' },
      'not-found',
      (at: string) => `hub: ${at} has no model lab/none, or it is private and HF_TOKEN is not set`,
    ],
    [{ name: 'lab/tiny', revision: 'v9' }, 'not-found', (at: string) => `hub: lab/tiny has no revision "v9" at ${at}`],
  ] as const
  it.each(cases)('%j', async (model, code, message) => {
    const hub = await fakeHub(files)
    const folder = await hubFolder(model, { hub: settings(hub) })
    await expect(readText(folder, 'config.json')).rejects.toEqual(refusal(code, message(hub.endpoint)))
  })

  it.each([
    [
      403,
      { 'x-error-code': 'GatedRepo' },
      'network',
      (at: string) =>
        `hub: lab/tiny is gated; accept its terms at ${at}/lab/tiny, set HF_TOKEN to a token of an account that has`,
    ],
    [
      401,
      { 'x-error-message': 'Invalid credentials in Authorization header' },
      'network',
      (at: string) => `hub: ${at}/lab/tiny/resolve/main/config.json answered 401 Unauthorized, the token is not valid`,
    ],
    [
      429,
      { 'x-error-message': 'slow down' },
      'network',
      (at: string) => `hub: ${at}/lab/tiny/resolve/main/config.json answered 429 Too Many Requests, slow down`,
    ],
    [
      200,
      {},
      'network',
      (at: string) =>
        `hub: ${at}/lab/tiny/resolve/main/config.json comes without a usable ETag; is ${at} a Hugging Face Hub?`,
    ],
    [
      200,
      { etag: '"../../x"' },
      'network',
      (at: string) =>
        `hub: ${at}/lab/tiny/resolve/main/config.json comes without a usable ETag; is ${at} a Hugging Face Hub?`,
    ],
    [200, { etag: '"abc"' }, 'network', (at: string) => `hub: ${at} does not say which commit lab/tiny@main is`],
    [
      302,
      { location: '/lab/tiny/resolve/main/config.json' },
      'network',
      (at: string) => `hub: ${at}/lab/tiny/resolve/main/config.json redirects more than 10 times`,
    ],
  ])('with %i %j', async (status, headers, code, message) => {
    const hub = await fakeHub(files)
    hub.twist = (_, response) => {
      response.writeHead(status, headers as Record<string, string>).end()
      return true
    }
    await expect(readText(await openTiny(hub), 'config.json')).rejects.toEqual(refusal(code, message(hub.endpoint)))
  })

  it('a file that is not there, and a name that is none', async () => {
    const hub = await fakeHub(files)
    await expect((await openTiny(hub)).open('tokenizer.json')).rejects.toEqual(
      refusal('not-found', 'hub: lab/tiny has no tokenizer.json at main'),
    )
    await expect(hubFolder({ name: 'lab/tiny', revision: '../../x' }, { hub: settings(hub) })).rejects.toEqual(
      refusal('config', 'hub: lab/tiny@../../x is no name of a model; it is owner/name, or owner/name@revision'),
    )
  })
})
