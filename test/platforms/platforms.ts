/**
 * Does the same in Node, Deno and Bun, each with the packed package installed by its own installer in an empty folder,
 * and compares the bits: `npm run platforms`. Writes `docs/platforms/runtimes.json` and the table of
 * `docs/guides/what-works-where.md`. With `--check` it writes nothing; with `--only NAME` it measures that runtime beside
 * Node 20, and leaves the others as they are recorded. Runtimes come by npm and are kept in the user's cache; one that
 * cannot be had is named. The exit status is 1 where something failed that the record does not have as failing.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { parseArgs, promisify } from 'node:util'
import { build } from 'esbuild'
import { gpuEnvironment } from '../device/gpu-environment.ts'
import { pack } from '../package/pack.ts'
import { hasFound, type PlatformsRecord, type Probed, probeNames, type RuntimeRecord } from './finding.ts'
import { pageFile, recordFile, withTable } from './page.ts'
import { type PackageJson, serveRegistry } from './registry.ts'
import { installer, programOf, type Runtime, runtimes, words } from './runtimes.ts'
import { worse } from './worse.ts'

const execute = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../..')
const base = path.join(root, 'examples/medquad/base')
const work = await mkdtemp(path.join(tmpdir(), 'peft-medaware-platforms-'))
const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as PackageJson
/** A software adapter: lavapipe, which is faster, where it is installed. */
const lavapipe = '/usr/share/vulkan/icd.d/lvp_icd.json'
const gpu = existsSync(lavapipe) ? { VK_ICD_FILENAMES: lavapipe } : gpuEnvironment()
const outOf = (runtime: Runtime, probe: string) => path.join(work, 'out', `${runtime.name} ${probe}`)

/** Runs a command to its end, at most five minutes. @returns What it prints. @throws Error with what it complains of. */
async function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  const options = { cwd, env: { ...process.env, ...env }, timeout: 300_000, maxBuffer: 1 << 26 }
  const { stdout } = await execute(command, [...args], options)
  return stdout.trim()
}

/** The line of a failure that says what is wrong. */
function reasonOf(error: unknown): string {
  const { stderr = '', killed = false } = error as { stderr?: string; killed?: boolean }
  if (killed) return 'no answer within five minutes'
  // eslint-disable-next-line no-control-regex
  const lines = stderr.replaceAll(/\u001b\[[\d;]*m/g, '').split('\n')
  return (lines.find((line) => /error/i.test(line)) ?? String(error)).trim()
}

async function attempt<T>(task: () => Promise<T>): Promise<T | { error: string }> {
  try {
    return await task()
  } catch (error) {
    return { error: reasonOf(error) }
  }
}

/** Installs in an empty folder, and puts beside it what is run. */
async function prepared(runtime: Runtime, program: string, registry: string): Promise<string> {
  const folder = path.join(work, runtime.name)
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  const { devDependencies } = manifest as unknown as { devDependencies: Record<string, string> }
  const packages = ['peft-medaware', `webgpu@${devDependencies['webgpu']}`]
  const { command, args, env } = installer(runtime, program, registry, path.join(work, 'cache'), packages)
  await run(command, args, folder, env)
  await build({
    ...{ entryPoints: [path.join(import.meta.dirname, 'task.ts')], outfile: path.join(folder, 'task.mjs') },
    ...{ bundle: true, packages: 'external', format: 'esm', platform: 'node', target: 'node20' },
    // Without the paths of the repository's tsconfig.json, by which it would take the sources.
    tsconfigRaw: {},
  })
  const which = "import { platformName } from '#platform'\nconsole.log(platformName)\n"
  await writeFile(path.join(folder, 'node_modules/peft-medaware/dist/which.js'), which)
  return folder
}

async function commandLine(runtime: Runtime, program: string, folder: string): Promise<RuntimeRecord['command']> {
  const call = (...args: string[]) => run(program, [...words(runtime, cli), ...args], folder)
  const cli = path.join(folder, 'node_modules/peft-medaware/dist/cli.js')
  const data = path.join(folder, 'rows.jsonl')
  const rows = ['asthma', 'gout'].map((name) => ({ prompt: `What is ${name}?`, completion: ` A disease, ${name}.` }))
  await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const version = await call('--version')
  const out = outOf(runtime, 'command')
  const options = ['--model', base, '--data', data, '--out', out, '--device', 'cpu', '--quiet', '--set', 'max_steps=10']
  await call('train', ...options)
  const weights = await readFile(path.join(out, 'adapter_model.safetensors'))
  return { version, adapter: createHash('sha256').update(weights).digest('hex').slice(0, 16) }
}

async function record(runtime: Runtime, program: string, registry: string): Promise<RuntimeRecord> {
  const folder = await prepared(runtime, program, registry)
  const script = (name: string, ...args: string[]) => [...words(runtime, name), ...args]
  const evaluate = async (text: string) => {
    await writeFile(path.join(folder, 'evaluate.mjs'), `console.log(${text})`)
    return run(program, script('evaluate.mjs'), folder)
  }
  const ownWebgpu = (await evaluate('globalThis.navigator?.gpu !== undefined')) === 'true'
  const probes: Partial<Record<(typeof probeNames)[number], Probed>> = {}
  for (const probe of probeNames) {
    if (probe === 'ownWebgpu' && !ownWebgpu) continue
    const args = script('task.mjs', probe, base, outOf(runtime, probe))
    const reference = outOf(runtimes[0] ?? runtime, probe === 'ownWebgpu' ? 'webgpu' : probe)
    probes[probe] = await attempt(async () => {
      return JSON.parse(await run(program, [...args, reference], folder, gpu)) as Probed
    })
    console.log(`${runtime.name}, ${probe}: ${JSON.stringify(probes[probe])}`)
  }
  const result = {
    name: runtime.name,
    version: await evaluate('process.versions.deno ?? process.versions.bun ?? process.versions.node'),
    engine: await evaluate("process.versions.bun ? 'JavaScriptCore' : `V8 ${process.versions.v8}`"),
    installer: runtime.kind === 'node' ? `npm ${await run('npm', ['--version'], folder)}` : `${runtime.kind} add`,
    platform: await run(program, script('node_modules/peft-medaware/dist/which.js'), folder),
    probes,
    command: await attempt(() => commandLine(runtime, program, folder)),
  }
  console.log(`${runtime.name}, command: ${JSON.stringify(result.command)}`)
  return result
}

const { values: flags } = parseArgs({
  options: { check: { type: 'boolean', default: false }, only: { type: 'string' } },
})
const chosen = runtimes.filter(({ name }, i) => i === 0 || flags.only === undefined || name === flags.only)
const packed = pack(root, work)
const next = await run('npm', ['config', 'get', 'registry'], work)
const registry = await serveRegistry(path.join(work, packed.filename), manifest, next)
const found: RuntimeRecord[] = []
const missing: PlatformsRecord['missing'][number][] = []
try {
  for (const runtime of chosen) {
    const program = await attempt(() => programOf(runtime))
    if (typeof program === 'string') found.push(await record(runtime, program, registry.address))
    else missing.push({ name: runtime.name, why: program.error })
  }
} finally {
  registry.close()
  await rm(work, { recursive: true, force: true })
}
for (const { name, why } of missing) console.log(`not run: ${name}: ${why}`)

const known = await readFile(recordFile, 'utf8').then(
  (text) => JSON.parse(text) as PlatformsRecord,
  () => null,
)
const complaints = worse(found, known?.runtimes ?? [])
for (const complaint of complaints) console.log(`FAIL: ${complaint}`)
if (!flags.check && complaints.length === 0) {
  const made: PlatformsRecord = {
    date: new Date().toISOString().slice(0, 10),
    package: manifest.version,
    machine: `${process.platform} ${process.arch}, ${cpus().length} cores of ${cpus()[0]?.model ?? 'a CPU'}`,
    runtimes: runtimes.flatMap(({ name }) => {
      const isNamed = (runtime: RuntimeRecord) => runtime.name === name
      return found.find(isNamed) ?? (flags.only === undefined ? [] : (known?.runtimes.find(isNamed) ?? []))
    }),
    missing,
  }
  await mkdir(path.dirname(recordFile), { recursive: true })
  await writeFile(recordFile, `${JSON.stringify(made, null, 2)}\n`)
  await writeFile(pageFile, await withTable(await readFile(pageFile, 'utf8'), made))
}
const works = found.filter(({ probes }) => hasFound(probes.threads)).map(({ name, version }) => `${name} (${version})`)
console.log(`platforms: trained in ${works.join(', ')}; ${complaints.length} complaints`)
process.exitCode = complaints.length === 0 && works.length > 0 ? 0 : 1
