import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kernels } from '../src/device/register/kernels.ts'

// Compiles the CPU twins and the script of their worker threads, gathers the WGSL twins, each with the parts it names, and
// writes all into one module that the devices import.

const root = new URL('../', import.meta.url)
const target = new URL('src/device/kernels.generated.ts', root)
const parts = 'kernels/parts/'
const files = (readdirSync(new URL('kernels/', root), { recursive: true }) as string[])
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => /\.(wgsl|as\.ts)$/.test(name) || name === 'build.ts')
const sources = new Map(files.sort().map((name) => [`kernels/${name}`, read(`kernels/${name}`)]))
const worker = ['src/device/cpu/worker.ts', 'src/device/cpu/job-board.ts']

const versions = ['assemblyscript', 'esbuild'].map((name) => [name, versionOf(name)] as const)
const hash = createHash('sha256')
for (const [name, text] of [
  ...sources,
  ...worker.map((path) => [path, read(path)] as const),
  ['register', Object.keys(kernels).join()] as const,
  ...versions,
]) {
  hash.update(`${name}\0${text}\0`)
}
const firstLine = `// Made by kernels/build.ts from kernels/; not to be edited. ${hash.digest('hex')}`

if (!existsSync(target) || !readFileSync(target, 'utf8').startsWith(firstLine)) await build()

async function build(): Promise<void> {
  const twins = new Map(
    [...sources.keys()].filter((path) => path.endsWith('.as.ts')).map((path) => [camel(path, '.as.ts'), path]),
  )
  const cpuKernels = [...twins.keys()].filter((name) => name in kernels)
  const wgsl = [...sources].filter(([path]) => path.endsWith('.wgsl') && !path.startsWith(parts))
  const entry = [
    `export { heapBase, scratchBytes, setScratch } from './shared/scratch'`,
    ...cpuKernels.map((name) => `export { ${name} } from './${moduleOf(twins.get(name))}'`),
  ].join('\n')
  const simd = await compile(entry, ['--enable', 'simd', '--use', 'WIDE=0'])
  const relaxed = await compile(entry, ['--enable', 'simd', '--enable', 'relaxed-simd', '--use', 'WIDE=0'])
  const wide = await compile(entry, ['--enable', 'simd', '--enable', 'relaxed-simd', '--use', 'WIDE=1'])
  const lines = [
    firstLine,
    `import type { KernelName } from './register/kernels.ts'`,
    `import type { VariantText } from './webgpu/programs/variants.ts'`,
    '',
    '/** Source of every WGSL twin and variant. */',
    'export const wgsl = {',
    ...wgsl.map(([path, text]) => `  ${camel(path, '.wgsl')}: ${JSON.stringify(withParts(path, text))},`),
    '} as const satisfies Record<KernelName | VariantText, string>',
    '',
    '/** Every CPU twin that the modules export. */',
    'export const cpuKernels = {',
    ...cpuKernels.map((name) => `  ${name}: true,`),
    '} as const satisfies Record<KernelName, true>',
    '',
    '/** The CPU twins in every build of CpuBuild, in base64; all import a shared memory. */',
    'export const wasm = {',
    `  simd: '${simd}',`,
    `  relaxed: '${relaxed}',`,
    `  wide: '${wide}',`,
    '} as const',
    '',
    '/** src/device/cpu/worker.ts as a script that stands alone: it runs where there are no files to load. */',
    `export const workerScript = ${JSON.stringify(await bundleWorker())}`,
  ]
  writeFileSync(target, lines.join('\n') + '\n')
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
    // asc takes `.as.ts` at the end of an import for another module than the file itself, so it is shown plain names.
    readFile: (name) => {
      if (name === 'kernels/register.ts') return entry
      return sources.get(name.replace(/\.ts$/, '.as.ts'))?.replaceAll(`.as.ts'`, `'`) ?? null
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
  if (error) {
    process.stderr.write(`kernels: asc refuses them\n${said}`)
    process.exit(1)
  }
  return Buffer.from(binary).toString('base64')
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
