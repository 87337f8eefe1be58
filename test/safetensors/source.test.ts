import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { blobSource, bytesSource, openSafetensors, urlSource, writeSafetensors } from '../../src/safetensors/index.ts'
import type { ByteSource } from '../../src/safetensors/index.ts'

const big = new Float32Array(50_000).map((_, i) => i)
const bytes = writeSafetensors([
  { name: 'big', dtype: 'F32', shape: [50_000], data: big },
  { name: 'small', dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) },
])

const servers: Server[] = []
afterEach(() => servers.splice(0).forEach((server) => server.close()))

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.safetensors`
}

/** A server as it should be, with what a test wants changed. */
function ranged(change: (headers: Record<string, string>, body: Uint8Array, call: number) => Uint8Array | undefined) {
  let call = 0
  return (request: IncomingMessage, response: ServerResponse): void => {
    const [, begin = '', last = ''] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
    const end = Math.min(Number(last) + 1, bytes.length)
    const headers: Record<string, string> = {
      'content-range': `bytes ${begin}-${end - 1}/${bytes.length}`,
      etag: '"1"',
      connection: 'close',
    }
    const body = bytes.subarray(Number(begin), end)
    const changed = change(headers, body, call++) ?? body
    response.writeHead(206, headers).end(changed)
  }
}
const asItShould = (): undefined => undefined

describe.each([
  ['bytesSource', async () => bytesSource(bytes)],
  ['blobSource', async () => blobSource(new Blob([new Uint8Array(bytes)]))],
  ['urlSource', async () => urlSource(await serve(ranged(asItShould)))],
] as const)('%s', (_, make: () => Promise<ByteSource>) => {
  it('serves every tensor', async () => {
    const file = await openSafetensors(await make())
    expect(await file.readF32('big')).toEqual(big)
    expect(await file.read('small')).toEqual(Uint8Array.of(1, 2, 3))
    await file.close()
  })

  it.each([0, 1, 2, 3])('reads a Buffer of Node, whose slice copies nothing, at any alignment: %i', async (shift) => {
    const memory = new Uint8Array(bytes.length + shift)
    memory.set(bytes, shift)
    const buffer = Buffer.from(memory.buffer, shift)
    const bare: ByteSource = {
      name: 'own',
      byteLength: buffer.length,
      read: (begin, end) => Promise.resolve(buffer.subarray(begin, end)),
    }
    for (const source of [bytesSource(buffer), bare]) {
      const file = await openSafetensors(source)
      expect(await file.read('big')).toEqual(big)
      expect(await file.readF32('big')).toEqual(big)
    }
  })

  it('serves a part of a tensor, in memory it is given or its own', async () => {
    const file = await openSafetensors(await make())
    const into = new Uint8Array(64)
    for (const memory of [{}, { into }]) {
      expect(await file.read('big', { begin: 40_000, end: 40_016, ...memory })).toEqual(big.subarray(40_000, 40_016))
    }
    await expect(file.read('small', { begin: 1, end: 4 })).rejects.toThrow(
      'tensor "small" has 3 elements, not those from 1 to 4',
    )
    await file.close()
  })

  it('refuses bytes it does not have', async () => {
    const source = await make()
    expect(await source.read(5, 5)).toHaveLength(0)
    expect(await source.read(source.byteLength, source.byteLength)).toHaveLength(0)
    const beyond = bytes.length + 1
    await expect(source.read(0, beyond)).rejects.toThrow(
      `${source.name}: bytes 0 to ${beyond} are not within its ${bytes.length} bytes`,
    )
  })
})

it('a File is called by its name', () => {
  expect(blobSource(new File([], 'adapter.safetensors')).name).toBe('adapter.safetensors')
  expect(blobSource(new Blob([])).name).toBe('blob')
})

it.each([
  ['NotReadableError', 'disk', 'it cannot be read: it changed after it was chosen, or permission is missing'],
  ['NotFoundError', 'not-found', 'it is no longer there'],
])('a File that fails with %s is our error', async (name, code, words) => {
  const file = new File(['abc'], 'config.json')
  file.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException('no', name)) }) as unknown as Blob
  await expect(blobSource(file).read(0, 3)).rejects.toMatchObject({
    code,
    message: `config.json: ${words}; choose it again`,
  })
})

it('a File above 2 GiB is read in pieces', async () => {
  const asked: number[] = []
  const size = 2 ** 31 + 10
  const small = new Uint8Array(1)
  const file = {
    ...{ name: 'large', size },
    slice: (begin: number, end: number) => ({
      arrayBuffer: async () => {
        asked.push(end - begin)
        return small.buffer
      },
    }),
  } as unknown as File
  expect((await blobSource(file).read(0, size)).length).toBe(size)
  expect(asked).toEqual([...Array<number>(8).fill(2 ** 28), 10])
})

it('files over 4 GiB are addressed without loss', async () => {
  const shape = [5 * 2 ** 30]
  const header = {
    a: { dtype: 'I8', shape, data_offsets: [0, shape[0]] },
    b: { dtype: 'F32', shape: [1], data_offsets: [shape[0], 5 * 2 ** 30 + 4] },
  }
  const json = new TextEncoder().encode(JSON.stringify(header).padEnd(136))
  const start = new Uint8Array(8 + json.length)
  start[0] = json.length
  start.set(json, 8)
  const source: ByteSource = {
    name: 'large',
    byteLength: start.length + 5 * 2 ** 30 + 4,
    async read(begin, end) {
      if (end <= start.length) return start.subarray(begin, end)
      expect([begin, end]).toEqual([start.length + 5 * 2 ** 30, start.length + 5 * 2 ** 30 + 4])
      return new Uint8Array(Float32Array.of(7).buffer)
    },
  }
  expect(await (await openSafetensors(source)).readF32('b')).toEqual(Float32Array.of(7))
})

describe('urlSource', () => {
  it('sends headers and asks for the parts it needs only', async () => {
    const ranges: (string | undefined)[] = []
    const answer = ranged(asItShould)
    const url = await serve((request, response) => {
      expect(request.headers.authorization).toBe('Bearer t')
      ranges.push(request.headers.range)
      answer(request, response)
    })
    const file = await openSafetensors(await urlSource(url, { headers: { authorization: 'Bearer t' } }))
    await file.read('small')
    expect(ranges).toEqual(['bytes=0-65535', `bytes=${bytes.length - 3}-${bytes.length - 1}`])
  })

  it('keeps a small file from a server that ignores Range', async () => {
    const url = await serve((_, response) => response.end(bytes))
    expect(await (await openSafetensors(await urlSource(url))).readF32('big')).toEqual(big)
  })

  it('refuses a large one by its length, and one that lies about it', async () => {
    const url = await serve((_, response) => response.writeHead(200, { 'content-length': String(2 ** 32) }).write('x'))
    await expect(urlSource(url)).rejects.toThrow(
      `${url}: the server ignores Range requests and the file is over 67108864 bytes; download it and open the file`,
    )
    const chunk = new Uint8Array(1 << 20)
    const endless: typeof fetch = async () =>
      new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }))
    await expect(urlSource('http://x/', { fetch: endless })).rejects.toThrow('http://x/: the server ignores Range')
  })

  it('an empty file is an empty source', async () => {
    const url = await serve((_, response) => response.writeHead(416).end())
    expect((await urlSource(url)).byteLength).toBe(0)
  })

  it.each([
    [404, 'not-found', 'no such file (404)'],
    [401, 'network', 'the server answered 401 Unauthorized'],
    [503, 'network', 'the server answered 503 Service Unavailable'],
  ])('says that the server answered %i', async (status, code, message) => {
    const url = await serve((_, response) => response.writeHead(status).end())
    await expect(urlSource(url)).rejects.toMatchObject({ code, message: `${url}: ${message}` })
  })

  it('says that nobody answers, and asks no second time', async () => {
    const url = await serve(() => undefined)
    servers.pop()?.close()
    const begin = performance.now()
    await expect(urlSource(url)).rejects.toThrow(`${url} cannot be reached, connect ECONNREFUSED 127.0.0.1:`)
    expect(performance.now() - begin).toBeLessThan(2000)
  })

  it('asks for Content-Range', async () => {
    const url = await serve(
      ranged((headers) => {
        delete headers['content-range']
        return undefined
      }),
    )
    await expect(urlSource(url)).rejects.toThrow(
      `${url}: no usable Content-Range (""); across origins the server must list it in Access-Control-Expose-Headers`,
    )
  })

  it.each([
    [
      'another range',
      1,
      (headers: Record<string, string>) => (headers['content-range'] = 'bytes 7-8/200200'),
      'the server sent 7 to 9 of 200200',
    ],
    [
      'another version',
      1,
      (headers: Record<string, string>) => (headers.etag = '"2"'),
      'the file changed while it was read; open it again',
    ],
  ])('refuses %s', async (_, at, change, message) => {
    const url = await serve(
      ranged((headers, _body, call) => {
        if (call === at) change(headers)
        return undefined
      }),
    )
    const file = await openSafetensors(await urlSource(url))
    await expect(file.read('small')).rejects.toThrow(message)
  })

  it('refuses too many bytes, and asks again for those that are missing', async () => {
    for (const [extra, words] of [
      [-1, 'asked for 1 bytes, the server sent 0'],
      [1, 'asked for 3 bytes, the server sent more'],
    ] as const) {
      const url = await serve(
        ranged((_headers, body, call) => (call >= 1 ? new Uint8Array(body.length + extra) : undefined)),
      )
      const file = await openSafetensors(await urlSource(url))
      await expect(file.read('small')).rejects.toThrow(`${url}: ${words}`)
    }
  })

  it('says that the connection broke', async () => {
    const url = await serve((_, response) => {
      response.writeHead(206, { 'content-range': 'bytes 0-65535/200200', 'content-length': '65536' })
      response.write('x', () => response.destroy())
    })
    await expect(urlSource(url)).rejects.toThrow(`of 65536 bytes`)
  })
})
