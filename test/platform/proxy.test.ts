import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect, type AddressInfo, type Server } from 'node:net'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { readText } from '../../src/io/sources/folder.ts'
import { openFolder } from '../../src/io/sources/open-folder.ts'
import { fetch } from '../../src/platform/node.ts'
import { proxyFor } from '../../src/platform/proxy-for.ts'

const variables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()])
beforeEach(() => {
  for (const name of variables) vi.stubEnv(name, undefined)
})
afterEach(() => vi.unstubAllEnvs())

describe('the proxy for an address, as huggingface_hub finds it', () => {
  const secure = 'https://huggingface.co/x'
  it.each([
    [{}, secure, null],
    [{ HTTPS_PROXY: 'http://p:1' }, secure, 'http://p:1'],
    [{ HTTPS_PROXY: 'p:1' }, secure, 'p:1'],
    [{ HTTP_PROXY: 'http://p:1' }, secure, null],
    [{ HTTP_PROXY: 'http://p:1' }, 'http://huggingface.co/x', 'http://p:1'],
    [{ ALL_PROXY: 'http://p:1' }, secure, 'http://p:1'],
    [{ ALL_PROXY: 'http://all:1', https_proxy: 'http://p:1' }, secure, 'http://p:1'],
    [{ HTTPS_PROXY: 'http://large:1', https_proxy: 'http://small:1' }, secure, 'http://small:1'],
    [{ HTTPS_PROXY: 'http://large:1', https_proxy: '' }, secure, null],
    [{ HTTP_PROXY: 'http://p:1', REQUEST_METHOD: 'GET' }, 'http://x/', null],
  ])('%j', (environment, address, expected) => {
    expect(proxyFor(new URL(address), environment)?.address ?? null).toBe(expected)
  })

  it.each([
    ['*', secure, true],
    ['huggingface.co', secure, true],
    ['HuggingFace.co', secure, true],
    ['localhost, huggingface.co', secure, true],
    ['huggingface.co', 'https://cdn.huggingface.co/', true],
    ['huggingface.co', 'https://nothuggingface.co/', false],
    ['.huggingface.co', 'https://cdn.huggingface.co/', true],
    ['.huggingface.co', secure, false],
    ['*.huggingface.co', 'https://cdn.huggingface.co/', true],
    ['*.huggingface.co', secure, false],
    ['huggingface.co:443', secure, true],
    ['huggingface.co:8443', secure, false],
    ['https://huggingface.co', secure, true],
    ['127.0.0.1', 'https://127.0.0.1:8000/', true],
    ['0.0.1', 'https://127.0.0.1/', false],
    ['10.0.0.0/8', 'https://10.20.30.40/', true],
    ['10.0.0.0/8', 'https://11.20.30.40/', false],
    ['0.0.0.0/0', 'https://11.20.30.40/', true],
    ['10.0.0.0/8', secure, false],
    ['::1', 'https://[::1]:80/', true],
    ['[::1]:80', 'https://[::1]:80/', true],
    ['[::1]:81', 'https://[::1]:80/', false],
    ['', secure, false],
  ])('NO_PROXY=%s: %s is asked directly: %s', (list, address, isDirect) => {
    const environment = { HTTPS_PROXY: 'http://p:1', NO_PROXY: list }
    expect(proxyFor(new URL(address), environment) === null).toBe(isDirect)
  })
})

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A proxy as there are many: it tunnels, asks for http, and wants to know who is there. */
async function startProxy({ login }: { login?: string } = {}): Promise<{ host: string; heard: string[] }> {
  const heard: string[] = []
  const expected = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`
  const mayPass = ({ headers }: IncomingMessage) =>
    expected === undefined || headers['proxy-authorization'] === expected
  const server = createServer((asked, response) => {
    heard.push(`${asked.method} ${asked.url}`)
    if (!mayPass(asked)) return void response.writeHead(407).end()
    request(asked.url ?? '', { method: asked.method, headers: asked.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    }).end()
  })
  server.on('connect', (asked, socket) => {
    heard.push(`CONNECT ${asked.url}`)
    if (!mayPass(asked)) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const [host, port] = (asked.url ?? '').split(':')
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    target.on('error', () => socket.destroy())
    socket.on('error', () => target.destroy())
  })
  return { host: await listen(server), heard }
}

const answer = ({ headers }: IncomingMessage, response: ServerResponse): void => {
  response.end(JSON.stringify({ a: 1, proxyKnown: headers['proxy-authorization'] !== undefined }))
}
const model = '{"a":1,"proxyKnown":false}'

describe('a folder at an address is read', () => {
  it('over http by asking the proxy for it', async () => {
    const { host, heard } = await startProxy()
    const target = await listen(createServer(answer))
    vi.stubEnv('HTTP_PROXY', `http://${host}`)
    expect(await readText(await openFolder(`http://${target}/tiny`), 'config.json')).toBe(model)
    expect(heard).toEqual([`GET http://${target}/tiny/config.json`])
    vi.stubEnv('NO_PROXY', '127.0.0.1')
    expect(await readText(await openFolder(`http://${target}/tiny`), 'config.json')).toBe(model)
    expect(heard.length).toBe(1)
  })

  it('over https through a tunnel, with a login that its server never sees', async () => {
    const tls = join(import.meta.dirname, '../fixtures/tls')
    const [key, cert] = await Promise.all([readFile(join(tls, 'key.pem')), readFile(join(tls, 'cert.pem'))])
    const target = await listen(createSecureServer({ key, cert }, answer))
    const { host, heard } = await startProxy({ login: 'us er:pä' })
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    vi.stubEnv('https_proxy', `http://us%20er:p%C3%A4@${host}`)
    expect(await readText(await openFolder(`https://${target}/tiny`), 'config.json')).toBe(model)
    expect(heard).toEqual([`CONNECT ${target}`])
  })

  it('not at all where the proxy refuses, is away or is none, and no message shows its login', async () => {
    const { host } = await startProxy({ login: 'a:b' })
    vi.stubEnv('HTTPS_PROXY', `http://a:wrong@${host}`)
    await expect(openFolder('https://models.test/tiny').then((folder) => folder.open('config.json'))).rejects.toThrow(
      `https://models.test/tiny/config.json cannot be reached, Proxy response (407) !== 200 when HTTP Tunneling, by the proxy http://${host} of HTTPS_PROXY`,
    )
    const nobody = createServer()
    const away = await listen(nobody)
    await new Promise((resolve) => nobody.close(resolve))
    vi.stubEnv('HTTPS_PROXY', `http://a:secret@${away}`)
    await expect(openFolder('https://models.test/tiny').then((folder) => folder.open('config.json'))).rejects.toThrow(
      /cannot be reached, connect ECONNREFUSED .*, by the proxy http:\/\/127\.0\.0\.1:\d+ of HTTPS_PROXY$/,
    )
    vi.stubEnv('HTTPS_PROXY', 'socks5://a:secret@127.0.0.1:1080')
    await expect(openFolder('https://models.test/tiny').then((folder) => folder.open('config.json'))).rejects.toThrow(
      'fetch: HTTPS_PROXY must name an http or https proxy, socks5 is not',
    )
  })
})

it('where the environment names no proxy it is Node’s own fetch', async () => {
  const target = await listen(createServer(answer))
  const init = { method: 'GET', headers: {}, redirect: 'manual', signal: new AbortController().signal } as const
  expect(await fetch(new URL(`http://${target}/`), init)).toBeInstanceOf(Response)
})
