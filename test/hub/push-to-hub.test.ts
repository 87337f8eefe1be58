import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { HubLibrary } from '../../src/hub/hub-library.ts'
import { planPush } from '../../src/hub/plan-push.ts'
import { pushToHub, type PushOptions } from '../../src/hub/push-to-hub.ts'
import type { PushProgress } from '../../src/hub/push-meter.ts'
import { hubFolder } from '../../src/io/huggingface/hub-folder.ts'
import { readBytes, readText } from '../../src/io/sources/folder.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { temporaryFolder } from '../io/tiny-files.ts'
import { type PushableHub, type PushableOptions, pushToken, startPushableHub } from './pushable-hub.ts'

const weights = writeSafetensors([
  {
    name: 'base_model.model.a.lora_A.weight',
    dtype: 'F32',
    shape: [600],
    data: Float32Array.from({ length: 600 }, Math.sin),
  },
])
const config = JSON.stringify({ peft_type: 'LORA', base_model_name_or_path: 'owner/base' })
const shared = ['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'report.html', 'summary.json']

/** A run's folder, with what is to be shared and what is not. */
async function runFolder(): Promise<string> {
  const folder = await temporaryFolder()
  const files = {
    ...{ 'adapter_config.json': config, 'adapter_model.safetensors': weights, 'README.md': '# Mine\n' },
    ...{ 'report.html': '<p>', 'summary.json': '{}', 'log.jsonl': 'private', 'held-out.json': 'private' },
    ...{ 'run.json': 'private', 'trainer_state.json': 'private', 'optimizer.safetensors': 'private', 'rows.csv': 'x' },
  }
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  await mkdir(join(folder, 'checkpoint-3'))
  await writeFile(join(folder, 'checkpoint-3/adapter_model.safetensors'), 'private')
  return folder
}

async function pushableHub(options?: PushableOptions): Promise<PushableHub> {
  const hub = await startPushableHub(options)
  onTestFinished(() => hub.close())
  return hub
}

const told = ({ endpoint }: PushableHub, more: PushOptions = {}): PushOptions => {
  return { hub: { endpoint, token: pushToken, offline: false }, ...more }
}
const filesAt = (hub: PushableHub, branch = 'main') => {
  const files = [...(hub.repositories.get('lab/mine')?.branches.get(branch)?.files ?? [])]
  return Object.fromEntries(files.filter(([name]) => name !== '.gitattributes'))
}

it.each([{ partBytes: 0 }, { partBytes: 1000 }])('pushes a run in one commit, private: %j', async (options) => {
  const [hub, folder] = [await pushableHub(options), await runFolder()]
  const progress: PushProgress[] = []
  const result = await pushToHub(folder, 'lab/mine', told(hub, { onProgress: (each) => void progress.push(each) }))
  expect(Object.keys(filesAt(hub)).sort()).toEqual(shared)
  expect(Buffer.compare(filesAt(hub)['adapter_model.safetensors'] ?? Buffer.alloc(0), weights)).toBe(0)
  expect(filesAt(hub)['README.md']?.toString()).toBe('# Mine\n')
  expect([...hub.stored.values()].map(({ length }) => length)).toEqual([weights.length])
  expect(hub.repositories.get('lab/mine')?.isPrivate).toBe(true)
  expect(hub.asked.filter(({ path }) => path.includes('/commit/'))).toHaveLength(1)
  expect(hub.asked.filter(({ path }) => path.startsWith('/storage/')).length).toBe(options.partBytes === 0 ? 1 : 4)
  expect(JSON.stringify(hub.asked.map(({ body }) => body.toString()))).not.toContain('private"')
  const branch = hub.repositories.get('lab/mine')?.branches.get('main')
  expect(result).toMatchObject({
    url: `${hub.endpoint}/lab/mine`,
    commit: branch?.commit,
    isPrivate: true,
    isNew: true,
  })
  expect(branch?.title).toBe('Push with peft-medaware')
  expect(progress.map(({ phase }) => phase)).toEqual(expect.arrayContaining(['hash', 'upload']))
  for (const { done, total } of progress) expect(done).toBeLessThanOrEqual(total)

  const settings = { endpoint: hub.endpoint, token: pushToken, cacheFolder: await temporaryFolder(), offline: false }
  const again = await hubFolder({ name: 'lab/mine', revision: 'main' }, { hub: settings })
  expect(await readText(again, 'adapter_config.json')).toBe(config)
  expect(Buffer.compare(await readBytes(again, 'adapter_model.safetensors'), weights)).toBe(0)

  hub.asked.length = 0
  expect(await pushToHub(folder, 'lab/mine', told(hub))).toMatchObject({ isNew: false, isPrivate: true })
  expect(hub.asked.filter(({ path }) => path.startsWith('/storage/') || path === '/api/repos/create')).toEqual([])
})

it('pushes what a page has, to a branch and as a pull request', async () => {
  const hub = await pushableHub()
  const files = new Map<string, Blob | Uint8Array | string>([
    ...[['adapter_config.json', config] as const, ['adapter_model.safetensors', weights] as const],
    ['notes/data.txt', new Blob(['by name'])],
  ])
  const library: HubLibrary = await import('@huggingface/hub')
  await pushToHub(files, 'lab/mine', told(hub, { library, revision: 'tried', message: 'A try' }))
  expect(filesAt(hub)).toEqual({})
  expect(filesAt(hub, 'tried')['notes/data.txt']?.toString()).toBe('by name')
  await pushToHub(files, 'lab/mine', told(hub, { revision: 'tried' }))
  const { pullRequestUrl } = await pushToHub(files, 'lab/mine', told(hub, { createPr: true }))
  expect(pullRequestUrl).toBe(`${hub.endpoint}/lab/mine/discussions/1`)
  expect(Object.keys(filesAt(hub, 'refs/pr/2'))).toHaveLength(3)
  expect(filesAt(hub)).toEqual({})
})

it('shows nothing to everybody that was not meant for them', async () => {
  const [hub, folder] = [await pushableHub(), await runFolder()]
  await pushToHub(folder, 'lab/mine', told(hub, { public: true }))
  expect(hub.repositories.get('lab/mine')?.isPrivate).toBe(false)
  await expect(pushToHub(folder, 'lab/mine', told(hub))).rejects.toThrow(
    `pushToHub: lab/mine is public, so that everybody would see what is pushed; give public: true, or make it private at ${hub.endpoint}/lab/mine/settings`,
  )
})

it('plans by name, and checks what it would send', async () => {
  const folder = await runFolder()
  const names = ({ files }: { files: readonly { name: string }[] }) => files.map(({ name }) => name)
  const plan = await planPush(folder)
  expect([plan.kind, names(plan)]).toEqual(['adapter', shared])
  expect(plan.leftOut).toEqual([
    ...[
      'checkpoint-3',
      'held-out.json',
      'log.jsonl',
      'optimizer.safetensors',
      'rows.csv',
      'run.json',
      'trainer_state.json',
    ],
  ])
  const more = await planPush(folder, { include: ['held-out.json'], exclude: ['report.html'] })
  expect(names(more)).toEqual([...shared.filter((name) => name !== 'report.html'), 'held-out.json'].sort())
  await expect(planPush(folder, { include: ['../secret'] })).rejects.toThrow('is no file below')
  await expect(planPush(folder, { include: ['missing.json'] })).rejects.toMatchObject({ code: 'not-found' })
  const warnings: string[] = []
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ base_model_name_or_path: '/home/me/base' }))
  await planPush(folder, { exclude: ['README.md'], onWarning: (message) => void warnings.push(message) })
  expect(warnings).toEqual([
    "adapter_config.json names its base by the path /home/me/base, which others do not have; give the name that it has on the Hub (saveAdapter's baseModel)",
    'there is no README.md: nobody will know what this is for, and not for',
  ])
  await writeFile(join(folder, 'adapter_model.safetensors'), weights.subarray(0, -1))
  await expect(planPush(folder)).rejects.toMatchObject({ code: 'format' })
  const empty = await temporaryFolder()
  await expect(planPush(empty)).rejects.toThrow('no adapter (adapter_config.json and adapter_model.safetensors)')
  for (const [name, content] of [
    ['config.json', '{}'],
    ['model.safetensors', weights],
    ['train.jsonl', 'x'],
  ] as const)
    await writeFile(join(empty, name), content)
  expect(await planPush(empty)).toMatchObject({ kind: 'model', leftOut: ['train.jsonl'] })
})

it.each([
  [401, 'network', 'the token is not valid, or has expired; make one that may write at'],
  [403, 'network', 'the token may not write to lab/mine; make one with write permission'],
  [404, 'not-found', 'there is no lab/mine with a revision main, or the token may not see it'],
  [409, 'network', 'somebody changed lab/mine meanwhile; look at it, and push again'],
  [413, 'network', 'a file is too large, or lab has no room left'],
])('says what to do about %i', async (status, code, remedy) => {
  const [hub, folder] = [await pushableHub(), await runFolder()]
  hub.twist = ({ path }, response) => {
    if (!path.includes('/commit/')) return false
    response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":"as it says"}')
    return true
  }
  const pushed = pushToHub(folder, 'lab/mine', told(hub))
  await expect(pushed).rejects.toMatchObject({ code, message: expect.stringContaining(remedy) as string })
  await expect(pushed).rejects.toThrow(`/api/models/lab/mine/commit/main answered ${status} (as it says): `)
  expect(filesAt(hub)).toEqual({})
})

it('tries again what may pass: a busy Hub, a cut connection, a limit that says when', async () => {
  const [hub, folder] = [await pushableHub(), await runFolder()]
  const failed = new Set<string>()
  hub.twist = ({ path }, response) => {
    const [place = ''] = /preupload|storage|batch|commit/.exec(path) ?? []
    if (place === '' || failed.has(place)) return false
    failed.add(place)
    if (place === 'storage' || place === 'commit') response.destroy()
    else response.writeHead(place === 'batch' ? 429 : 503, place === 'batch' ? { 'retry-after': '0' } : {}).end()
    return true
  }
  await pushToHub(folder, 'lab/mine', told(hub))
  expect(failed.size).toBe(4)
  expect(Object.keys(filesAt(hub)).sort()).toEqual(shared)
  hub.twist = ({ path }, response) => {
    if (!path.includes('preupload')) return false
    response.writeHead(429, { 'retry-after': '300' }).end()
    return true
  }
  await expect(pushToHub(folder, 'lab/mine', told(hub))).rejects.toThrow(
    'too many requests; wait 300 s, and push again',
  )
})

it('asks for a pull request once, though nobody answered', async () => {
  const [hub, folder] = [await pushableHub(), await runFolder()]
  hub.twist = ({ path }, response) => {
    if (!path.includes('/commit/')) return false
    response.destroy()
    return true
  }
  await expect(pushToHub(folder, 'lab/mine', told(hub, { createPr: true }))).rejects.toThrow('cannot be reached')
  expect(hub.asked.filter(({ path }) => path.includes('/commit/'))).toHaveLength(1)
})

it('ends when its signal says so, before anything is seen', async () => {
  const [hub, folder] = [await pushableHub(), await runFolder()]
  const stop = new AbortController()
  const reason = new Error('Ctrl-C')
  hub.twist = ({ path }) => {
    if (!path.startsWith('/storage/')) return false
    stop.abort(reason)
    return true
  }
  await expect(pushToHub(folder, 'lab/mine', told(hub, { signal: stop.signal }))).rejects.toBe(reason)
  expect(filesAt(hub)).toEqual({})
})

it('refuses what cannot be before it asks anybody', async () => {
  const [hub, folder] = [await pushableHub(), await runFolder()]
  const push = (name: string, more: PushOptions = {}) => pushToHub(folder, name, told(hub, more))
  await expect(push('mine')).rejects.toThrow('pushToHub: the repository must be owner/name, got "mine"')
  await expect(push('lab/mine', { hub: { endpoint: hub.endpoint, token: null } })).rejects.toThrow(
    `pushToHub: there is no token; make one that may write at ${hub.endpoint}/settings/tokens, and set HF_TOKEN`,
  )
  await expect(push('lab/mine', { hub: { token: 'secret' } })).rejects.toThrow('those of the Hub begin with hf_')
  await expect(push('lab/mine', { private: true } as never)).rejects.toThrow('there is no option "private"')
  await expect(push('lab/mine', { library: {} as never })).rejects.toThrow("the package '@huggingface/hub'")
  expect(hub.asked).toEqual([])
})
