import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { loadDataset } from '../../../src/io/dataset/load-dataset.ts'
import { readText } from '../../../src/io/sources/folder.ts'
import { openFolder } from '../../../src/io/sources/open-folder.ts'
import { fromThisPage, relativeAddress } from '../../../src/io/sources/relative-address.ts'
import { sendRanged } from '../huggingface/fake-hub.ts'

// Node's fetch stands in for a page's.
vi.mock('#platform', () => import('../../../src/platform/browser.ts'))
afterEach(() => vi.unstubAllGlobals())

const inPage = (href: string) => vi.stubGlobal('location', { href })
const meant = (text: string) => relativeAddress(text)?.href ?? null

it('is what begins like a path, and a GGUF file that is none of the Hub', () => {
  inPage('https://host.test/app/index.html?a=1')
  expect(meant('/models/x')).toBe('https://host.test/models/x')
  expect(meant('./models/x')).toBe('https://host.test/app/models/x')
  expect(meant('../x@v1')).toBe('https://host.test/x@v1')
  expect(meant('models/x.gguf')).toBe('https://host.test/app/models/x.gguf')
  expect(meant('x.GGUF')).toBe('https://host.test/app/x.GGUF')
  for (const name of ['owner/name', 'owner/name@main', 'owner/name/x.gguf', 'models']) expect(meant(name)).toBeNull()
})

it("is beside a page's base, not its address, and beside the origin in a worker from a Blob", () => {
  inPage('https://host.test/app/')
  vi.stubGlobal('document', { baseURI: 'https://cdn.test/base/' })
  expect(meant('./x')).toBe('https://cdn.test/base/x')
  vi.stubGlobal('document', undefined)
  inPage('blob:https://host.test/0b1c')
  vi.stubGlobal('origin', 'https://host.test')
  expect(meant('./x')).toBe('https://host.test/x')
})

it('goes to a worker as the address that the page means', () => {
  inPage('https://host.test/app/')
  expect(fromThisPage('./x')).toEqual(new URL('https://host.test/app/x'))
  const files = [new File([], 'config.json')]
  expect([fromThisPage('owner/name'), fromThisPage(files)]).toEqual(['owner/name', files])
})

it('opens a folder and rows beside the page; a page of HTML is no file, and what failed does not stay failed', async () => {
  const files: Record<string, string> = {
    '/app/models/x/config.json': '{"a":1}',
    '/app/rows.jsonl': '{"prompt":"a","completion":"b"}\n',
  }
  let isBroken = true
  const server = createServer((request, response) => {
    const body = files[request.url ?? '']
    if (isBroken) return void response.writeHead(403).end()
    if (body === undefined) {
      return void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html>')
    }
    sendRanged(response, Buffer.from(body), request.headers.range, { etag: '"1"' })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  inPage(`${origin}/app/index.html`)
  const folder = await openFolder('./models/x')
  await expect(readText(folder, 'config.json')).rejects.toThrow('the server answered 403 Forbidden')
  isBroken = false
  expect(await readText(folder, 'config.json')).toBe('{"a":1}')
  expect(await folder.has('tokenizer.json')).toBe(false)
  await expect(readText(folder, 'tokenizer.json')).rejects.toThrow(
    `${origin}/app/models/x/tokenizer.json: no such file, the server sends a page (HTML)`,
  )
  expect(await readText(await openFolder('/app/models/x'), 'config.json')).toBe('{"a":1}')
  const rows = []
  for await (const row of await loadDataset('rows.jsonl')) rows.push(row)
  expect(rows).toEqual([{ prompt: 'a', completion: 'b' }])
})
