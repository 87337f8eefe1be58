import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdir, rename, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openAdapter } from '../../../src/io/adapter-folder.ts'
import { readJson, readText } from '../../../src/io/sources/folder.ts'
import type { HubOptions } from '../../../src/io/huggingface/hub-settings.ts'
import { loadModel, loadTokenizer } from '../../../src/io/load/load-model.ts'
import type { LoadProgress } from '../../../src/io/load/load-options.ts'
import { openFolder } from '../../../src/io/sources/open-folder.ts'
import { adapterFiles } from '../../../src/peft/files/adapter-files.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { writeSafetensors } from '../../../src/safetensors/writer.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { maxDifference, tinyBatch, tinyFile } from '../../peft/tiny-falcon.ts'
import { sendRanged, type FakeHub } from '../huggingface/fake-hub.ts'
import { fakeHub } from '../huggingface/temporary-hub.ts'
import { filesOf, temporaryFolder, tensorsOf, tinyBytes, tinyFolder } from '../tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const config = await tinyBytes('config.json')
const refusal = (code: string, message: string): unknown => expect.objectContaining({ code, message })

let cacheFolder: string
beforeEach(async () => {
  cacheFolder = await temporaryFolder()
})
const settings = ({ endpoint }: Pick<FakeHub, 'endpoint'>): HubOptions => ({
  endpoint,
  cacheFolder,
  token: null,
  offline: false,
})

/** The tiny Falcon-RW in two files. */
async function shards(): Promise<Record<string, Uint8Array | string>> {
  const tensors = await tensorsOf(await tinyBytes('model.safetensors'))
  const shardOf = (i: number) => `model-0000${1 + (i % 2)}-of-00002.safetensors`
  const weightMap = Object.fromEntries(tensors.map((tensor, i) => [tensor.name, shardOf(i)]))
  return {
    'config.json': config,
    'model.safetensors.index.json': JSON.stringify({ metadata: {}, weight_map: weightMap }),
    [shardOf(0)]: writeSafetensors(tensors.filter((_, i) => i % 2 === 0)),
    [shardOf(1)]: writeSafetensors(tensors.filter((_, i) => i % 2 === 1)),
  }
}

async function expectTiny(source: Parameters<typeof loadModel>[0], hub?: HubOptions): Promise<LoadProgress[]> {
  const progress: LoadProgress[] = []
  const onProgress = (each: LoadProgress) => progress.push(each)
  const { model } = await loadModel(source, { device, onProgress, ...(hub && { hub }) })
  const logits = model.forward((await tinyBatch()).batch)
  const wanted = await (await tinyFile('reference.safetensors')).readF32('logits')
  expect(maxDifference(await logits.read(), wanted)).toBeLessThan(1e-4)
  logits.dispose()
  model.dispose()
  return progress
}

describe('loadModel takes', () => {
  it('a model of the Hub in one file or in shards, or by its page', async () => {
    const single = { 'config.json': config, 'model.safetensors': await tinyBytes('model.safetensors') }
    for (const files of [single, await shards()]) {
      const hub = await fakeHub(files)
      const progress = await expectTiny('lab/tiny', settings(hub))
      const downloaded = progress.flatMap((each) =>
        each.phase === 'download' && each.done === each.total ? [each.file] : [],
      )
      expect(downloaded).toEqual(Object.keys(files))
      expect(progress.at(-1)).toMatchObject({ phase: 'load', done: progress.at(-1)?.total })
      await expectTiny('lab/tiny@v1', settings(hub))
      await expectTiny(`${hub.endpoint}/lab/tiny`, settings(hub))
      for (const path of ['/tree/main/', '/tree/refs%2Fpr%2F1?library=transformers#files', '/blob/main/config.json']) {
        await expectTiny(`${hub.endpoint}/lab/tiny${path}`, settings(hub))
      }
      cacheFolder = await temporaryFolder()
    }
  })

  it('an adapter of the Hub', async () => {
    const { model } = await loadModel(tinyFolder, { device })
    const adapter = attachLora(model, { r: 2, targetModules: ['query_key_value'] }, { device, seed: 3 })
    const files = Object.fromEntries(await adapterFiles(adapter))
    const hub = await fakeHub(files)
    const { model: again } = await loadModel(tinyFolder, { device })
    const opened = await openAdapter(again, 'lab/tiny', { device, hub: settings(hub) })
    expect(Object.fromEntries(await adapterFiles(opened))).toEqual(files)
    model.dispose()
    again.dispose()
  })

  it('the address of a folder, in parts and with what its query says', async () => {
    const files = await shards()
    const asked: string[] = []
    const server = createServer((request, response) => {
      const { pathname, search } = new URL(request.url ?? '', 'http://x')
      asked.push(pathname)
      const body = files[pathname.replace('/models/tiny/', '')]
      if (body === undefined || search !== '?key=1') return void response.writeHead(404).end()
      sendRanged(response, Buffer.from(body), request.headers.range, { etag: '"1"' })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/tiny/?key=1`
    await expectTiny(address)
    await expectTiny(new URL(address))
    expect(asked[0]).toBe('/models/tiny/config.json')
    expect(await loadTokenizer(address)).toBeNull()
    await expect(loadModel(address, { device, hub: { offline: true } })).rejects.toEqual(
      refusal(
        'network',
        `openFolder: ${address.replace('?key=1', 'config.json')} is not asked for, HF_HUB_OFFLINE is set`,
      ),
    )
  })

  it('a directory the user opened to a page', async () => {
    const files = filesOf({ 'config.json': config, 'model.safetensors': await tinyBytes('model.safetensors') })
    // As browsers have it; Node has none.
    const directory = {
      kind: 'directory',
      name: 'tiny',
      async getFileHandle(name: string) {
        const file = files.find((each) => each.name === name)
        if (file === undefined) throw new DOMException('not there', 'NotFoundError')
        return { kind: 'file', name, getFile: async () => file }
      },
    } as unknown as FileSystemDirectoryHandle
    await expectTiny(directory)
    await expect((await openFolder(directory)).open('tokenizer.json')).rejects.toEqual(
      refusal('not-found', 'tiny: no tokenizer.json'),
    )
  })
})

describe('openFolder tells a path from a model’s name', () => {
  const noFetch = { hub: { fetch: () => Promise.reject(new Error('asked the net')) } }

  it('what is a directory here, or looks like a path, is never asked of the Hub', async () => {
    const here = await temporaryFolder()
    await mkdir(join(here, 'lab/tiny'), { recursive: true })
    await writeFile(join(here, 'lab/tiny/config.json'), 'here')
    const before = process.cwd()
    process.chdir(here)
    try {
      expect(await readText(await openFolder('lab/tiny', noFetch), 'config.json')).toBe('here')
    } finally {
      process.chdir(before)
    }
    vi.stubEnv('HOME', here)
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(await readText(await openFolder('~/lab/tiny', noFetch), 'config.json')).toBe('here')
    for (const path of ['./lab/none', '../lab', '/lab/none', 'C:\\lab\\none']) {
      await expect(readText(await openFolder(path, noFetch), 'config.json')).rejects.toEqual(
        refusal('not-found', `fileSource: there is no ${path}/config.json`),
      )
    }
  })

  it('says of a model that is nowhere where it was looked for', async () => {
    const hub = await fakeHub({})
    await expect(loadModel('lab/none', { device, hub: settings(hub) })).rejects.toEqual(
      refusal(
        'not-found',
        `openFolder: there is no folder "lab/none" here; on the hub: ${hub.endpoint} has no model lab/none, or it is private and HF_TOKEN is not set`,
      ),
    )
  })

  it.each(['gpt2', 'a/b/c', '', 'lab/tiny@'])('refuses "%s", which is neither', async (text) => {
    await expect(openFolder(text, noFetch)).rejects.toEqual(
      refusal(
        'not-found',
        `openFolder: there is no such folder here, and "${text}" is no model on the Hub, whose name is owner/name or owner/name@revision`,
      ),
    )
  })
})

describe('a folder of the Hub', () => {
  it('below a model’s own is read, cached and named as such', async () => {
    const hub = await fakeHub({ 'a/b/config.json': '{"deep":1}', 'config.json': '{}' })
    const folder = await openFolder(`${hub.endpoint}/lab/tiny/blob/main/a/b/config.json`, { hub: settings(hub) })
    expect(folder.name).toBe('lab/tiny/a/b')
    expect(await readText(folder, 'config.json')).toBe('{"deep":1}')
    expect([await folder.has('tokenizer.json'), await folder.has('config.json')]).toEqual([false, true])
  })

  it('is asked for names as they are, whatever they hold', async () => {
    const names = ['%2e%2e', 'a?b', 'a#b', 'ä b', 'a%2Fb']
    const hub = await fakeHub(Object.fromEntries(names.map((name) => [name, name])))
    const folder = await openFolder('lab/tiny', { hub: settings(hub) })
    for (const name of names) expect(await readText(folder, name)).toBe(name)
  })
})

describe('a folder at an address', () => {
  it('is asked for names as they are, and for nothing above it', async () => {
    const asked: string[] = []
    const fetch: typeof globalThis.fetch = async (input) => {
      asked.push(String(input instanceof Request ? input.url : input))
      return new Response('{}')
    }
    const folder = await openFolder('https://models.test/a/tiny/?sig=1#x', { hub: { fetch } })
    expect(folder.name).toBe('https://models.test/a/tiny')
    for (const name of ['%2e%2e', 'a?b', 'a#b', 'C:\\x']) await folder.open(name)
    const encoded = ['%252e%252e', 'a%3Fb', 'a%23b', 'C%3A%5Cx']
    expect(asked).toEqual(encoded.map((name) => `https://models.test/a/tiny/${name}?sig=1#x`))
    for (const name of ['..', '../b', 'a/./b', '']) {
      await expect(folder.open(name)).rejects.toEqual(refusal('config', `"${name}" is no path of a file`))
    }
  })
})

describe('openFolder refuses', () => {
  const expected = "a directory's path, owner/name, an address, files, or a directory's handle"
  it.each([
    [5, '5'],
    [undefined, 'undefined'],
    [null, 'null'],
    [{}, '{}'],
    [{ open: true }, '{ open: true }'],
    [() => 'x', 'a function'],
  ])('%s as a source', async (source, shown) => {
    const refused = refusal('config', `openFolder: source must be ${expected}, got ${shown}`)
    await expect(openFolder(source as never)).rejects.toEqual(refused)
    await expect(loadModel(source as never, { device })).rejects.toEqual(refused)
  })

  it.each([
    [{ token: 'x' }, 'openFolder: there is no option "token"'],
    [{ hub: { revision: 'x' } }, 'openFolder: hub: there is no option "revision"'],
    [{ hub: { cacheDir: 'x' } }, 'openFolder: hub: there is no option "cacheDir"; did you mean cacheFolder?'],
    [{ hub: { cache_dir: 'x' } }, 'openFolder: hub: there is no option "cache_dir"; did you mean cacheFolder?'],
    [{ hub: { ofline: true } }, 'openFolder: hub: there is no option "ofline"; did you mean offline?'],
    [{ hub: { offline: 'false' } }, 'openFolder: hub.offline must be true or false, got "false"'],
    [{ hub: { token: 5 } }, 'openFolder: hub.token must be a text or null, got 5'],
    [{ hub: { endpoint: 'me' } }, 'hub: the endpoint: "me" is no address, which begins with https:// or http://'],
    [
      { hub: { endpoint: 'https://me:pass@mirror.test' } },
      'hub: the endpoint must be an address without a name or a password; give a token instead',
    ],
  ])('%j', async (options, message) => {
    await expect(openFolder('lab/tiny', options as never)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringMatching(new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`)) as string,
    })
  })

  it('addresses that are none, and files that are none', async () => {
    await expect(openFolder('ftp://x/y')).rejects.toEqual(
      refusal('config', 'openFolder: ftp: is no address, which begins with https:// or http://'),
    )
    await expect(openFolder(['config.json'] as never)).rejects.toMatchObject({
      message: 'fileFolder: files: item 0 must be a File, got "config.json"',
    })
  })
})

describe('a file of JSON', () => {
  const config = 'config.json'
  it('has a cap on disk and among files, and is not read above it', async () => {
    const here = await temporaryFolder()
    await writeFile(join(here, config), '')
    await truncate(join(here, config), 17 * 2 ** 20)
    const size = `has ${17 * 2 ** 20} bytes, more than the ${2 ** 24} that such a file may have`
    await expect(readJson(await openFolder(here), config)).rejects.toEqual(
      refusal('format', `${here}/config.json: ${size}`),
    )
    const file = Object.defineProperty(new File(['{}'], config), 'size', { value: 17 * 2 ** 20 })
    await expect(readJson(await openFolder([file]), config)).rejects.toEqual(refusal('format', `config.json: ${size}`))
    await truncate(join(here, config), 0)
    await rename(join(here, config), join(here, 'tokenizer.json'))
    await truncate(join(here, 'tokenizer.json'), 513 * 2 ** 20)
    await expect(readJson(await openFolder(here), 'tokenizer.json')).rejects.toMatchObject({ code: 'format' })
  })

  it('has a cap on the Hub, before a byte of it comes', async () => {
    const hub = await fakeHub({ [config]: new Uint8Array(17 * 2 ** 20) })
    await expect(readJson(await openFolder('lab/tiny', { hub: settings(hub) }), config)).rejects.toEqual(
      refusal(
        'format',
        `hub: config.json of lab/tiny has ${17 * 2 ** 20} bytes, more than the ${2 ** 24} that such a file may have`,
      ),
    )
    expect(hub.heard.filter(({ method }) => method === 'GET')).toEqual([])
  })

  it('must be UTF-8; a byte order mark is passed over', async () => {
    const latin = new File([Uint8Array.of(0x7b, 0x22, 0xe4, 0x22, 0x3a, 0x31, 0x7d)], config)
    await expect(readJson(await openFolder([latin]), config)).rejects.toEqual(
      refusal('format', 'the given files: config.json: not valid UTF-8'),
    )
    expect(await readJson(await openFolder(filesOf({ [config]: '\uFEFF{"a":1}' })), config)).toEqual({ a: 1 })
  })

  it('that is a folder is told', async () => {
    const here = await temporaryFolder()
    await mkdir(join(here, config))
    await expect(loadModel(here, { device })).rejects.toEqual(
      refusal('disk', `fileSource: cannot use ${here}/config.json, it is a folder, a file is needed`),
    )
    expect(await readText(await openFolder(new URL(`file://${tinyFolder}`)), config)).toContain('falcon')
  })
})

describe('files of a page', () => {
  const within = (path: string, text: string) =>
    Object.defineProperty(new File([text], 'config.json'), 'webkitRelativePath', { value: path })

  it('with one name: the outermost is meant', async () => {
    const files = [within('run/checkpoint-1/config.json', 'inner'), within('run/config.json', 'outer')]
    expect(await readText(await openFolder(files), 'config.json')).toBe('outer')
  })

  it('with one name beside one another: none is', async () => {
    const files = [within('a/config.json', '1'), within('b/config.json', '2')]
    await expect(readText(await openFolder(files), 'config.json')).rejects.toEqual(
      refusal('config', 'the given files: 2 are called config.json; give those of one folder'),
    )
  })
})

describe('a signal', () => {
  it('stops loading between two tensors, and nothing is left', async () => {
    const before = device.memory.liveBytes
    const stop = new AbortController()
    const onProgress = ({ done }: LoadProgress) => {
      if (done === 3) stop.abort()
    }
    await expect(loadModel(tinyFolder, { device, onProgress, signal: stop.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(device.memory.liveBytes).toBe(before)
  })
})
