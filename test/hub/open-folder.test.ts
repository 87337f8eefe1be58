import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openAdapter } from '../../src/hub/adapter-folder.ts'
import { readText } from '../../src/hub/folder.ts'
import type { HubOptions } from '../../src/hub/hub-settings.ts'
import { loadModel, loadTokenizer, type LoadProgress } from '../../src/hub/load-model.ts'
import { openFolder } from '../../src/hub/open-folder.ts'
import { adapterFiles } from '../../src/peft/adapter-files.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { maxDifference, tinyBatch, tinyFile } from '../peft/tiny-falcon.ts'
import { sendRanged, type FakeHub } from './fake-hub.ts'
import { fakeHub } from './temporary-hub.ts'
import { filesOf, temporaryFolder, tensorsOf, tinyBytes, tinyFolder } from './tiny-files.ts'

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
      await expectTiny(`${hub.endpoint}/lab/tiny/tree/main/`, settings(hub))
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
      refusal('network', `openFolder: ${address.replace('?', 'config.json?')} is not asked for, HF_HUB_OFFLINE is set`),
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
