/**
 * Packs the package and uses the tarball as a stranger would, in an empty folder: `npm run check:package`. Each check
 * prints one line; the exit status is 1 when any failed. Of a registry it asks for TypeScript's other major versions
 * alone (`compilers/`).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { build } from 'esbuild'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { installTarballs, pack, packDependencies, type Packed, run } from './pack.ts'
import { readmeExample } from './readme-example.ts'
import { compareSizes, measureSizes } from './sizes/measure-sizes.ts'
import { pageSize } from './sizes/page-size.ts'
import { checkNodeStarter, checkViteStarter } from './starters.ts'

const root = path.resolve(import.meta.dirname, '../..')
const work = mkdtempSync(path.join(tmpdir(), 'peft-medaware-package-'))
const empty = path.join(work, 'empty')
const { exports: doors, dependencies = {} } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>
  dependencies?: Record<string, string>
}
/** What can be imported: the everyday entry and the rooms, by the names that the checks give them. */
const entries = Object.keys(doors)
  .filter((door) => door !== './package.json')
  .map((door) => [door === '.' ? 'everyday' : door.slice(2), path.posix.join('peft-medaware', door)] as const)
const importAll = entries
  .map(([name, entry]) => `import * as ${name} from '${entry}'\nconsole.log(Object.keys(${name}))\n`)
  .join('')

const tool = (name: string) => path.join(root, 'node_modules/.bin', name)

/** Throws with `what` and the list where the list is not empty. */
function expectNone(what: string, found: readonly string[]): void {
  if (found.length > 0) throw new Error(`${what}: ${found.join(', ')}`)
}

function checkPackList({ files }: Packed): string {
  const paths = files.map((file) => file.path)
  const wanted = ['README.md', 'CHANGELOG.md', 'LICENSE', 'package.json', 'dist/index.js', 'dist/index.d.ts']
  expectNone(
    'missing',
    wanted.filter((file) => !paths.includes(file)),
  )
  expectNone(
    'should not be packed',
    paths.filter((file) => !file.startsWith('dist/') && !wanted.includes(file)),
  )
  return `${paths.length} files`
}

/** The kernels are by far the largest thing in the package: they are in it once. */
function checkKernelsOnce(): string {
  const blobs = ['simd', 'relaxed', 'wide'].map((build) => {
    const generated = readFileSync(path.join(root, `src/device/cpu/wasm-${build}.generated.ts`), 'utf8')
    const blob = /[A-Za-z0-9+/=]{1000,}/.exec(generated)?.[0]
    if (blob === undefined) throw new Error(`wasm-${build}.generated.ts holds no WebAssembly in base64`)
    return blob
  })
  const dist = path.join(root, 'dist')
  const scripts = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'))
  const texts = scripts.map((name) => readFileSync(path.join(dist, name), 'utf8'))
  for (const blob of blobs) {
    const times = texts.reduce((sum, text) => sum + text.split(blob).length - 1, 0)
    if (times !== 1) throw new Error(`a WebAssembly module of ${blob.length} characters is in dist ${times} times`)
  }
  const bytes = scripts.reduce((sum, name) => sum + statSync(path.join(dist, name)).size, 0)
  return `${blobs.length} modules, ${Math.round(bytes / 1024)} KiB of JavaScript`
}

async function checkPublint({ filename }: Packed): Promise<string> {
  const bytes = readFileSync(path.join(work, filename))
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
  expectNone(
    'publint',
    messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code),
  )
  return 'no remark'
}

function checkTypesResolve({ filename }: Packed): string {
  run(tool('attw'), [path.join(work, filename), '--profile', 'esm-only', '--no-emoji'], root)
  return 'esm-only profile'
}

function installInEmptyFolder(): string {
  installTarballs(empty, tarballs)
  return ['peft-medaware', ...Object.keys(dependencies)].join(' and ')
}

/** Each entry alone, and all together: then what two of them export is one thing. */
function checkImportsInNode(): string {
  const node = (text: string) => run(process.execPath, ['--input-type=module', '--eval', text], empty)
  for (const [, entry] of entries) node(`import '${entry}'`)
  node(`${importAll}
    const seen = new Map()
    for (const entry of [${entries.map(([name]) => name).join(', ')}]) {
      for (const [name, value] of Object.entries(entry)) {
        if (seen.has(name) && seen.get(name) !== value) throw new Error(name + ' is another one in another entry')
        seen.set(name, value)
      }
    }
    const { device } = await everyday.openDevice({ device: 'cpu' })
    const ones = everyday.fromArray(device, Float32Array.of(1, 1), [2], 'ones')
    if (!(ops.add(ones, ones) instanceof everyday.Tensor)) throw new Error('a Tensor of /ops is none of the everyday entry')
    device.dispose()`)
  return entries.map(([, entry]) => entry).join(', ')
}

/**
 * Uses what the declarations say of the platform's types: a project has those of the DOM, of Node, of WebGPU, or none.
 */
const consumer = `
${entries.map(([name, entry]) => `import * as ${name} from '${entry}'`).join('\n')}
export const names = [${entries.map(([name]) => `Object.keys(${name})`).join(', ')}]
export const opened = everyday.openDevice({ device: 'cpu', cpu: { threads: 1 }, webgpu: { powerPreference: 'low-power' } })
export const source: Promise<safetensors.ByteSource> = safetensors.urlSource('https://example.org/model.safetensors')
export const model = everyday.loadModel('folder', { device: (await opened).device, quantize: { type: 'nf4' } })
/** A layer and a loss of one's own: tensors of one entry are those of all. */
class Doubled extends nn.Module<Record<never, never>, { weight: everyday.Tensor }> {
  forward(x: everyday.Tensor): everyday.Tensor {
    return ops.linear(ops.add(x, x), this.weights.weight)
  }
}
const weight = everyday.fromArray((await opened).device, Float32Array.of(1, 2), [1, 2], 'weight')
const layer = new Doubled({}, { weight }).setRequiresGrad(true)
export const { loss, grads } = autograd.valueAndGrad(layer, (x: everyday.Tensor) => layer.forward(x))(weight)
export const steps = new optim.AdamW(layer.trainableParameters())
export const config: models.FalconConfig = models.parseFalconConfig({})
`
const gpuOfPage = 'export const onGpu = everyday.openDevice({ gpu: navigator.gpu })\n'

/** The declarations compile in strict projects that skip no check, by each major version of TypeScript. */
function checkConsumerCompiles(): string {
  const own = path.join(import.meta.dirname, 'compilers')
  run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], own)
  const compilers = [root, own].flatMap((at) => {
    const installed = path.join(at, 'node_modules')
    const names = readdirSync(installed).filter((name) => /^typescript(-\d+)?$/.test(name))
    return names.map((name) => path.join(installed, name))
  })
  symlinkSync(path.join(root, 'node_modules/@webgpu'), path.join(empty, 'node_modules/@webgpu'))
  const versions = compilers.map((compiler) => {
    const { version } = JSON.parse(readFileSync(path.join(compiler, 'package.json'), 'utf8')) as { version: string }
    const dom = ['ES2023', 'DOM', 'DOM.Iterable']
    // TypeScript 5's DOM has no WebGPU; later ones have it, and the package of its types does not go with them.
    const withGpu = version.startsWith('5.') ? { lib: dom, types: ['@webgpu/types'] } : { lib: dom, types: [] }
    for (const resolution of ['nodenext', 'bundler']) {
      const project = (given: object, text = consumer) => compileConsumer(compiler, resolution, given, text)
      project(withGpu, consumer + gpuOfPage)
      project({ lib: ['ES2023'], types: [] })
      project({ lib: ['ES2023'], types: ['node'], typeRoots: [path.join(root, 'node_modules/@types')] })
      if (version.startsWith('5.')) project({ lib: dom, types: [] })
    }
    return version
  })
  return `TypeScript ${versions.join(', ')}; nodenext and bundler; with and without the types of the DOM, Node and WebGPU`
}

function compileConsumer(compiler: string, resolution: string, given: object, text: string): void {
  writeFileSync(path.join(empty, 'consumer.ts'), text)
  const compilerOptions = {
    module: resolution === 'bundler' ? 'esnext' : resolution,
    moduleResolution: resolution,
    target: 'es2022',
    ...{ noEmit: true, strict: true, skipLibCheck: false },
    ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ...given,
  }
  writeFileSync(path.join(empty, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
  run(process.execPath, [path.join(compiler, 'bin/tsc'), '--project', '.'], empty)
}

function checkReadmeExample(): string {
  const { code, output, files } = readmeExample(readFileSync(path.join(root, 'README.md'), 'utf8'))
  for (const [name, content] of [['example.js', code], ...files] as const)
    writeFileSync(path.join(empty, name), content)
  const base = path.join(root, 'examples/medquad/base')
  const printed = run(process.execPath, ['example.js', base], empty).trimEnd()
  if (printed !== output) throw new Error(`README.md says it prints\n${output}\nbut it prints\n${printed}`)
  return `${printed.split('\n').length} lines, as printed in README.md`
}

/** A program that is done ends, though it leaves its worker as it is. */
function checkWorker(): string {
  const base = path.join(root, 'examples/medquad/base')
  const text = `
    import { startWorker } from 'peft-medaware/worker'
    setTimeout(() => { throw new Error('the worker keeps the program alive') }, 30_000).unref()
    const worker = await startWorker({ device: 'cpu', cpu: { threads: 2 } })
    const model = await worker.loadModel('${base}')
    for await (const piece of model.generateText('What is asthma?', { maxNewTokens: 8 })) process.stdout.write(piece)`
  const said = run(process.execPath, ['--input-type=module', '--eval', text], empty)
  if (said.trim() === '') throw new Error('the model in the worker says nothing')
  return `says ${JSON.stringify(said)}, and the program ends`
}

/** The command as `npx` finds it, on a model that lies beside it. */
function checkCommand(): string {
  const npx = (...words: string[]) => run('npx', ['--no-install', 'peft-medaware', ...words], empty)
  const help = npx('--help')
  const commands = ['inspect', 'quantize', 'merge', 'generate']
  expectNone(
    'not in --help',
    commands.filter((name) => !help.includes(`  ${name} `)),
  )
  for (const name of commands)
    if (!npx(name, '--help').includes(`peft-medaware ${name} `)) throw new Error(`${name} --help`)
  const model = path.join(root, 'test/fixtures/tiny-falcon-rw')
  npx('merge', model, path.join(model, 'adapters/lora'), 'merged')
  npx('quantize', 'merged', 'quantised')
  const report = npx('inspect', 'quantised')
  if (!report.includes('8 layers in nf4 in blocks of 64, double-quantised')) throw new Error(report)
  return commands.join(', ')
}

/** The demonstration finds the small base that is installed beside it, and asks nobody for it. */
function checkDemo(): string {
  tarballs.push(path.join(work, pack(path.join(root, 'examples/medquad/base'), work).filename))
  // Not in the empty folder: npm would clear what is linked into it.
  const folder = path.join(work, 'demonstration')
  installTarballs(folder, tarballs)
  const shown = run('npx', ['--no-install', 'peft-medaware', 'demo', '--steps', '3', '--keep', 'shown'], folder)
  const line = shown.split('\n').find((each) => each.includes('step 3/3'))
  if (line === undefined || !shown.includes('\nafter ')) throw new Error(shown)
  return line.trim()
}

async function checkBrowserBundle(): Promise<string> {
  const { metafile, outputFiles, warnings } = await build({
    stdin: { contents: importAll, resolveDir: empty },
    bundle: true,
    write: false,
    minify: true,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    outfile: 'bundle.js',
    logLevel: 'silent',
  })
  expectNone(
    'warnings',
    warnings.map((warning) => warning.text),
  )
  expectNone(
    'left to import',
    Object.values(metafile.outputs).flatMap((output) => output.imports.map((each) => each.path)),
  )
  const reached = Object.keys(metafile.inputs)
  expectNone(
    'reaches Node',
    reached.filter((file) => /node_modules\/webgpu\/|platform\/node\.js$/.test(file)),
  )
  const text = outputFiles.map((file) => file.text).join('')
  expectNone(
    'Node imports',
    text.match(/(\bimport\b|\bfrom\b|\brequire\b)\s*\(?\s*["'](node:[a-z/]+|webgpu)["']/g) ?? [],
  )
  return `${Math.round(text.length / 1024)} KiB minified, no import left`
}

/** Divided by a bundler, a page loads the kernels that its device needs, and none before. */
async function checkSplitBundle(): Promise<string> {
  const { start, startText } = await pageSize(empty)
  if (/[A-Za-z0-9+/=]{1000,}/.test(startText)) throw new Error('a page loads WebAssembly before it opens a device')
  if (startText.includes('@compute')) throw new Error('a page loads WGSL before it opens a device')
  // As users see them in errors: what these rooms are called does not change when code is minified.
  const training = ['AdamW', 'TrainingRun', 'attachLora', 'evaluateLoss'].filter((name) => startText.includes(name))
  expectNone('a page that loads and generates loads what trains as well', training)
  return `at once ${Math.round(start.bytes / 1024)} KiB, no kernel and nothing that trains`
}

let failed = 0
async function check(name: string, work: () => string | Promise<string>): Promise<void> {
  try {
    console.log(`ok    ${name}: ${await work()}`)
  } catch (error) {
    failed += 1
    console.log(`FAIL  ${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const packed = pack(root, work)
/** The package and its dependencies, packed from node_modules. */
const allPacked = [packed, ...packDependencies(root, work)]
const tarballs = allPacked.map(({ filename }) => path.join(work, filename))
console.log(
  `${packed.filename}: ${Math.round(packed.size / 1024)} KiB, ${Math.round(packed.unpackedSize / 1024)} KiB unpacked`,
)
await check('pack list', () => checkPackList(packed))
await check('kernels embedded once', checkKernelsOnce)
await check('publint', () => checkPublint(packed))
await check('are the types wrong', () => checkTypesResolve(packed))
await check('install in an empty folder', installInEmptyFolder)
await check('import in Node', checkImportsInNode)
await check('types in strict projects', checkConsumerCompiles)
await check('README example', checkReadmeExample)
await check('worker', checkWorker)
await check('command line', checkCommand)
await check('demonstration', checkDemo)
await check('bundle for a browser', checkBrowserBundle)
await check('bundle in pieces', checkSplitBundle)
await check('sizes', async () => {
  const names = entries.map(([, entry]) => entry)
  return compareSizes(await measureSizes(allPacked, names, empty))
})
const starters = path.join(work, 'starters')
installTarballs(starters, [path.join(work, pack(path.join(root, 'examples/create'), work).filename)])
await check('starter for Node', () => checkNodeStarter(starters, tarballs))
await check('starter for Vite', () => checkViteStarter(starters, tarballs))
rmSync(work, { recursive: true })
console.log(`package: ${failed === 0 ? 'all checks passed' : `${failed} checks failed`}`)
process.exitCode = failed === 0 ? 0 : 1
