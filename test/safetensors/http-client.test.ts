import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Fetch, HttpClient, PassingError } from '../../src/safetensors/http-client.ts'
import { sourceAt, urlSource } from '../../src/safetensors/url-source.ts'
import { sendRanged } from '../io/huggingface/fake-hub.ts'

const bytes = new Uint8Array(200_000).map((_, i) => (i * 2654435761) >>> 13)
const refusal = (code: string, message: string): unknown => expect.objectContaining({ code, message })
const plainFetch: Fetch = (address, init) => fetch(address, init)

type Answer = (request: IncomingMessage, response: ServerResponse, call: number) => void

/** A server, and what it was asked for. */
async function serve(answer: Answer): Promise<{ address: string; asked: (string | undefined)[] }> {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.headers.range)
    answer(request, response, asked.length - 1)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.bin`, asked }
}
const asItShould: Answer = ({ headers }, response) => sendRanged(response, bytes, headers.range, { etag: '"1"' })

/** Opens an address with little patience. */
const open = (address: string, { signal, ...more }: { signal?: AbortSignal; mostBytes?: number } = {}) =>
  sourceAt(new URL(address), {
    client: new HttpClient({ fetch: plainFetch, answerWithin: 400, silence: 400 }, signal),
    ...more,
  })

describe('a server that', () => {
  it('never answers is asked once, and not waited for', async () => {
    const { address } = await serve(() => undefined)
    let asked = 0
    const counted: Fetch = (url, init) => {
      asked++
      return plainFetch(url, init)
    }
    const client = new HttpClient({ fetch: counted, answerWithin: 300, silence: 10_000 })
    await expect(sourceAt(new URL(address), { client })).rejects.toEqual(
      refusal('network', `${address} cannot be reached, no answer for 0.3 s`),
    )
    expect(asked).toBe(1)
  })

  it('falls silent in the middle is asked for the rest, and given up when that stays so', async () => {
    const { address, asked } = await serve((request, response, call) => {
      if (call === 0) {
        asItShould(request, response, call)
        return
      }
      const begin = Number(/\d+/.exec(request.headers.range ?? '')?.[0])
      const part = { 'content-range': `bytes ${begin}-${bytes.length - 1}/${bytes.length}`, etag: '"1"' }
      response.writeHead(206, part).flushHeaders()
      if (call < 3) response.write(bytes.subarray(begin, begin + 1000))
    })
    const source = await open(address)
    await expect(source.read(100_000, bytes.length)).rejects.toEqual(
      refusal('network', `${address}, after 0 of 98000 bytes, cannot be reached, no answer for 0.4 s`),
    )
    expect(asked.slice(1, 4)).toEqual(['bytes=100000-199999', 'bytes=101000-199999', 'bytes=102000-199999'])
    expect(asked.length).toBe(7)
  }, 20_000)

  it('breaks off, or is busy for a while, brings every byte in the end', async () => {
    const { address, asked } = await serve((request, response, call) => {
      if (call % 2 === 1) {
        asItShould(request, response, call)
        return
      }
      if (call === 0) return response.writeHead(503).end()
      response.writeHead(206, { 'content-range': 'bytes 100000-199999/200000', etag: '"1"', 'content-length': 100_000 })
      response.write(bytes.subarray(100_000, 150_000), () => setTimeout(() => response.destroy(), 20))
    })
    const source = await open(address)
    const into = new Uint8Array(120_000)
    const read = await source.read(100_000, 200_000, into)
    expect(Buffer.compare(read, bytes.subarray(100_000))).toBe(0)
    expect(read.buffer).toBe(into.buffer)
    expect(asked.at(-1)).toBe('bytes=150000-199999')
  })

  it('sends another version meanwhile is not pieced together', async () => {
    const { address } = await serve((request, response, call) => {
      sendRanged(response, bytes, request.headers.range, { etag: `"${call}"` })
    })
    await expect((await open(address)).read(0, 100_000)).rejects.toEqual(
      refusal('network', `${address}: the file changed while it was read; open it again`),
    )
  })

  it('keeps one waiting is left at once when a signal says so', async () => {
    const { address } = await serve(() => undefined)
    const stop = new AbortController()
    const reason = new Error('the user left')
    const opened = urlSource(address, { signal: stop.signal })
    setTimeout(() => stop.abort(reason), 50)
    await expect(opened).rejects.toBe(reason)
  })
})

describe('a file that is larger than', () => {
  it('it may be is refused by its length', async () => {
    const { address, asked } = await serve(asItShould)
    await expect(open(address, { mostBytes: 1000 })).rejects.toEqual(
      refusal('format', `${address}: it is larger than the 1000 bytes that such a file may have`),
    )
    expect(asked.length).toBe(1)
  })

  it('it says, by compression or without end, is left when it is too much', async () => {
    const bomb = gzipSync(new Uint8Array(200 * 2 ** 20))
    const { address } = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bomb.length }).end(bomb)
    })
    const before = process.memoryUsage().arrayBuffers
    await expect(open(address, { mostBytes: 2 ** 20 })).rejects.toMatchObject({ code: 'format' })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26)
    const { address: partial } = await serve((_, response) => {
      response.writeHead(206, { 'content-encoding': 'gzip', 'content-range': 'bytes 0-65535/100000' }).end(bomb)
    })
    await expect(open(partial)).rejects.toEqual(
      refusal('network', `${partial}: asked for 65536 bytes, the server sent more`),
    )
  })
})

describe('a redirect', () => {
  it.each([
    ['http://[::bad', 'redirects to what is no address'],
    ['file:///etc/passwd', 'redirects to file:, which is neither http nor https'],
    ['data:,x', 'redirects to data:, which is neither http nor https'],
    ['/a.bin', 'redirects more than 10 times'],
  ])('to %s is our error', async (location, words) => {
    const { address } = await serve((_, response) => response.writeHead(302, { location }).end())
    await expect(open(address)).rejects.toEqual(refusal('network', `${address} ${words}`))
  })

  it.each([
    ['https://hub.test/b', true],
    ['/b', true],
    ['http://hub.test/b', false],
    ['https://hub.test:444/b', false],
    ['https://cdn.hub.test/b', false],
    ['https://hub.test.evil/b', false],
    ['https://user:pass@evil.test/b', false],
    ['//evil.test/b', false],
  ])('to %s: the token goes along: %s', async (location, goesAlong) => {
    const sent: (readonly [string, string | undefined])[] = []
    const fetch: Fetch = async (url, { headers }) => {
      sent.push([url.href, headers['authorization']])
      if (sent.length === 1) return new Response(null, { status: 302, headers: { location } })
      return new Response(bytes.slice(0, 10), { status: 206, headers: { 'content-range': 'bytes 0-9/10' } })
    }
    const headers = { authorization: 'Bearer hf_secret' }
    const client = new HttpClient({ fetch, answerWithin: 1000, silence: 1000 })
    expect((await sourceAt(new URL('https://hub.test/a'), { client, ownHeaders: headers })).byteLength).toBe(10)
    expect(sent[0]).toEqual(['https://hub.test/a', 'Bearer hf_secret'])
    expect(sent[1]?.[1]).toBe(goesAlong ? 'Bearer hf_secret' : undefined)
    expect(sent[1]?.[0]).not.toContain('pass')
  })

  it('that a browser hides is left to the browser', async () => {
    const modes: string[] = []
    const fetch: Fetch = async (_, { redirect }) => {
      modes.push(redirect)
      const hidden = { type: 'opaqueredirect' as const, status: 0, statusText: '', ok: false }
      if (redirect === 'manual') return { ...hidden, headers: new Headers(), body: null }
      return new Response(bytes.slice(0, 10), { status: 200 })
    }
    const client = new HttpClient({ fetch, answerWithin: 1000, silence: 1000 })
    for (const name of ['a', 'b']) await sourceAt(new URL(`https://hub.test/${name}`), { client })
    expect(modes).toEqual(['manual', 'follow', 'follow'])
  })
})

describe('an address', () => {
  it('with a name and a password is asked as HTTP Basic, which no message shows', async () => {
    const heard: (string | undefined)[] = []
    const { address } = await serve(({ headers }, response) => {
      heard.push(headers.authorization)
      response.writeHead(403).end()
    })
    const secret = address.replace('http://', 'http://us%20er:pä%ss@').concat('?key=hidden')
    await expect(urlSource(secret)).rejects.toEqual(refusal('network', `${address}: the server answered 403 Forbidden`))
    expect(heard).toEqual([`Basic ${Buffer.from('us er:p%C3%A4%ss').toString('base64')}`])
  })

  it.each([
    ['ftp://x/y', 'urlSource: ftp: is no address, which begins with https:// or http://'],
    ['x', 'urlSource: "x" is no address, which begins with https:// or http://'],
  ])('%s is none', async (address, message) => {
    await expect(urlSource(address)).rejects.toEqual(refusal('config', message))
  })
})

it('what may pass is a MedAwareError like any other', () => {
  expect(new PassingError('x')).toMatchObject({ name: 'MedAwareError', code: 'network' })
})
