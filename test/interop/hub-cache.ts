import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readText } from '../../src/io/sources/folder.ts'
import { hubFolder } from '../../src/io/huggingface/hub-folder.ts'
import { fakeCommit, startFakeHub } from '../io/huggingface/fake-hub.ts'

const large = new Uint8Array(200_000).map((_, i) => (i * 2654435761) >>> 13)
const script = `
import sys
from huggingface_hub import hf_hub_download
for name in sys.argv[1:]:
    print(hf_hub_download("lab/tiny", name))
`

/** What huggingface_hub downloads is read here without a request, and the reverse; each line is what is wrong. */
export async function hubCacheProblems(python: string): Promise<string[]> {
  const home = mkdtempSync(join(tmpdir(), 'peft-medaware-hub-'))
  const hub = await startFakeHub({ 'config.json': '{"a":1}', 'model.safetensors': large, 'tokenizer.json': '{}' })
  const problems: string[] = []
  const expectThat = (isSo: boolean, problem: string) => isSo || problems.push(problem)
  const environment = { ...process.env, HF_HOME: home, HF_ENDPOINT: hub.endpoint, HF_HUB_DISABLE_TELEMETRY: '1' }
  const download = async (offline: boolean, ...names: string[]): Promise<string[]> => {
    const env = offline ? { ...environment, HF_HUB_OFFLINE: '1' } : environment
    const { stdout } = await promisify(execFile)(python, ['-c', script, ...names], { env })
    return stdout.trim().split('\n')
  }
  const open = (offline: boolean) => {
    const settings = { endpoint: hub.endpoint, cacheFolder: join(home, 'hub'), token: null, offline }
    return hubFolder({ name: 'lab/tiny', revision: 'main' }, { hub: settings })
  }
  try {
    await download(false, 'config.json', 'model.safetensors')
    hub.heard.length = 0
    const theirs = await open(true)
    expectThat((await readText(theirs, 'config.json')) === '{"a":1}', 'their config.json is another one')
    const source = await theirs.open('model.safetensors')
    expectThat(
      Buffer.compare(await source.read(0, large.length), large) === 0,
      'their model.safetensors is another one',
    )
    await source.close?.()
    expectThat(!(await theirs.has('tokenizer.json')), 'a file they did not download is there')
    expectThat(hub.heard.length === 0, `asked for what they had: ${JSON.stringify(hub.heard)}`)

    rmSync(join(home, 'hub'), { recursive: true })
    const ours = await open(false)
    for (const name of ['config.json', 'model.safetensors']) await (await ours.open(name)).close?.()
    hub.heard.length = 0
    const paths = await download(true, 'config.json', 'model.safetensors')
    const snapshot = join(home, 'hub/models--lab--tiny/snapshots', fakeCommit)
    expectThat(paths.join() === `${snapshot}/config.json,${snapshot}/model.safetensors`, `they found ${paths.join()}`)
    await download(false, 'config.json', 'model.safetensors')
    const methods = hub.heard.filter(({ method }) => method !== 'HEAD')
    expectThat(methods.length === 0, `they asked for what we had: ${JSON.stringify(methods)}`)
    return problems
  } finally {
    await hub.close()
    rmSync(home, { recursive: true, force: true })
  }
}
