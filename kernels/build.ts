import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type KernelName, kernels } from '../src/device/register/kernels.ts'
import { variantsFor } from '../src/device/webgpu/programs/variants.ts'
import { forAsc } from './for-asc.ts'
import { differenceOf } from './signature.ts'

// Compiles the CPU twins and the script of their worker threads, gathers the WGSL twins, each with the parts it names,
// and writes them into modules of their own: a device loads what it computes with, and nothing else.

const root = new URL('../', import.meta.url)
const names = Object.keys(kernels) as KernelName[]
const parts = 'kernels/parts/'
const files = (readdirSync(new URL('kernels/', root), { recursive: true }) as string[])
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => /\.(wgsl|as\.ts)$/.test(name) || ['build.ts', 'for-asc.ts', 'signature.ts'].includes(name))
const sources = new Map(files.sort().map((name) => [`kernels/${name}`, read(`kernels/${name}`)]))
const worker = ['src/device/cpu/worker.ts', 'src/device/cpu/job-board.ts']
/** Texts that adapters in hardware have a use for. */
const forHardware = new Set<string>([
  ...names,
  ...variantsFor({ isSoftware: false, subgroupLanes: 32, hasMatrices: true }).map(({ text }) => text),
])

const versions = ['assemblyscript', 'esbuild'].map((name) => [name, versionOf(name)] as const)
const hash = createHash('sha256')
for (const [name, text] of [
  ...sources,
  ...worker.map((path) => [path, read(path)] as const),
  [
    'register',
    JSON.stringify(Object.entries(kernels).map(([name, { reads, writes, params }]) => [name, reads, writes, params])),
  ] as const,
  ['hardware', [...forHardware].join()] as const,
  ...versions,
]) {
  hash.update(`${name}\0${text}\0`)
}
const firstLine = `// Made by kernels/build.ts from kernels/; not to be edited. ${hash.digest('hex')}`

/** What is written, and what each file holds. */
const targets: Readonly<Record<string, () => string | Promise<string>>> = {
  'webgpu/programs/wgsl.generated.ts': () => texts('The WGSL twins, and other texts for any adapter.', true),
  'webgpu/programs/wgsl-software.generated.ts': () => texts('Texts that software adapters alone profit from.', false),
  'cpu/wasm-simd.generated.ts': () => module('simd', ['--use', 'WIDE=0']),
  'cpu/wasm-relaxed.generated.ts': () => module('relaxed', ['--enable', 'relaxed-simd', '--use', 'WIDE=0']),
  'cpu/wasm-wide.generated.ts': () => module('wide', ['--enable', 'relaxed-simd', '--use', 'WIDE=1']),
  'cpu/worker-script.generated.ts':
    async () => `/** src/device/cpu/worker.ts as a script that stands alone: it runs where there are no files to load. */
export const workerScript = ${JSON.stringify(await bundleWorker())}
`,
}
const isFresh = (path: string) => existsSync(at(path)) && readFileSync(at(path), 'utf8').startsWith(firstLine)

if (!Object.keys(targets).every(isFresh)) await build()
// What earlier versions wrote.
rmSync(at('kernels.generated.ts'), { force: true })

async function build(): Promise<void> {
  checkTwins()
  for (const [path, make] of Object.entries(targets)) writeFileSync(at(path), `${firstLine}\n${await make()}`)
}

/** Where a file of `src/device` lies. */
function at(path: string): URL {
  return new URL(`src/device/${path}`, root)
}

/** Holds every CPU twin's signature against its row. */
function checkTwins(): void {
  const wrong = names.flatMap((name) => differenceOf(name, kernels[name], sources.get(twinOf(name) ?? '')) ?? [])
  if (wrong.length > 0) fail(wrong.join('\n'))
}

/** The file of a kernel's CPU twin. */
function twinOf(name: string): string | undefined {
  return [...sources.keys()].find((path) => path.endsWith('.as.ts') && camel(path, '.as.ts') === name)
}

/** WGSL texts as a module, those that are for hardware or those that are not. */
function texts(what: string, isHardware: boolean): string {
  const wgsl = [...sources].filter(([path]) => path.endsWith('.wgsl') && !path.startsWith(parts))
  const lines = wgsl
    .map(([path, text]) => [camel(path, '.wgsl'), bare(withParts(path, text))] as const)
    .filter(([name]) => forHardware.has(name) === isHardware)
    .map(([name, text]) => `  ${name}: ${JSON.stringify(text)},`)
  return [`/** ${what} */`, 'export const wgsl = {', ...lines, '}', ''].join('\n')
}

/** A text without its comments and indentation, line by line as it was: an adapter's messages name lines. */
function bare(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/\/\/.*/, '').trim())
    .join('\n')
    .trimEnd()
}

/** The CPU twins in one build of CpuBuild as a module. */
async function module(build: string, features: readonly string[]): Promise<string> {
  const entry = [
    `export { heapBase, scratchBytes, setScratch } from './shared/scratch'`,
    `export { beginJob } from './shared/kept-rows'`,
    ...names.map((name) => `export { ${name} } from './${moduleOf(twinOf(name))}'`),
  ].join('\n')
  const wasm = await compile(entry, ['--enable', 'simd', ...features])
  return `/** The CPU twins built for \`${build}\`, in base64; they import a shared memory. */\nexport const wasm =\n  '${wasm}'\n`
}

/** A text, and behind it the functions that it shares with others: its header ends with `// Parts: a, b.`. */
function withParts(path: string, text: string): string {
  const names = /^\/\/ Parts: (.*)\.$/m.exec(text)?.[1]?.split(', ') ?? []
  const found = names.map((name) => {
    const part = sources.get(`${parts}${name}.wgsl`)
    if (part === undefined) throw new Error(`${path}: there is no ${parts}${name}.wgsl`)
    return part
  })
  return [text, ...found].join('\n')
}

async function compile(entry: string, features: readonly string[]): Promise<string> {
  const { default: asc } = await import('assemblyscript/asc')
  let binary = new Uint8Array()
  // 112 warns of v128 in exports; those of modules are not the program's.
  const options = [
    '--runtime',
    'stub',
    '--importMemory',
    '--noExportMemory',
    '--enable',
    'threads',
    '--sharedMemory',
    '--maximumMemory',
    '65536',
    '--noAssert',
    '-O3',
    '--disableWarning',
    '112',
  ]
  let said = ''
  const { error } = await asc.main(['kernels/register.ts', ...options, ...features, '--outFile', 'kernels.wasm'], {
    readFile: (name) => {
      if (name === 'kernels/register.ts') return entry
      const text = sources.get(name.replace(/\.ts$/, '.as.ts'))
      return text === undefined ? null : forAsc(text)
    },
    writeFile: (_name, contents) => {
      binary = Uint8Array.from(contents as Uint8Array)
    },
    listFiles: () => [],
    stderr: {
      write: (text) => {
        said += String(text)
      },
    },
  })
  if (error) fail(`asc refuses them\n${said}`)
  return Buffer.from(binary).toString('base64')
}

/** Ends the build with a sentence. */
function fail(why: string): never {
  process.stderr.write(`kernels: ${why}\n`)
  process.exit(1)
}

async function bundleWorker(): Promise<string> {
  const { build } = await import('esbuild')
  const entry = fileURLToPath(new URL('src/device/cpu/worker.ts', root))
  const options = {
    bundle: true,
    format: 'iife',
    target: 'es2022',
    minify: true,
    write: false,
    metafile: true,
  } as const
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: fileURLToPath(root),
    ...options,
  })
  const unhashed = Object.keys(metafile.inputs).filter((path) => !worker.includes(path))
  if (unhashed.length > 0)
    throw new Error(`kernels: the worker imports ${unhashed.join()}; list it in kernels/build.ts`)
  return outputFiles[0]?.text.trim() ?? ''
}

function versionOf(name: string): string {
  return (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version
}

function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8')
}

function camel(path: string, extension: string): string {
  return basename(path, extension).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** What another module of `kernels/` imports a twin by. */
function moduleOf(path = ''): string {
  return path.slice('kernels/'.length, -'.as.ts'.length)
}
