import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { kernels } from '../../src/device/register/kernels.ts'
import { variantsFor } from '../../src/device/webgpu/programs/variants.ts'
import { storageTypes } from '../../src/formats/formats.ts'
import { cyclesOf, pathsIn, readSource, resolveImport, root } from './source-files.ts'

/** The house from the ground up; `docs/architecture.md` is its picture. */
const floors = [
  ['core'],
  ['quant', 'safetensors'],
  ['platform', 'gguf'],
  ['device'],
  ['tensor'],
  ['autograd'],
  ['ops'],
  ['formats'],
  ['nn', 'optim'],
  ['peft', 'models'],
  ['train', 'generate', 'evaluate', 'data'],
  ['io', 'serve'],
  ['trainer', 'compare', 'hub'],
  ['worker'],
  ['cli'],
]
/** The roof: the public face of the package, which may see every room. */
const roof = 'src/index.ts'
const maxLines = 300
const maxMedianLines = 90

const source = pathsIn('src', ['.ts']).map(readSource)
const examples = pathsIn('examples', ['.ts']).map(readSource)

const roomOf = (file: string): string => file.split('/')[1] ?? ''
const floorOf = (room: string): number => floors.findIndex((rooms) => rooms.includes(room))

/** `importer -> imported` for every import of `src/` that `isBreach` finds at fault. */
function breaches(isBreach: (from: string, target: string) => boolean): string[] {
  return source.flatMap((file) =>
    file.imports
      .map((each) => resolveImport(file.path, each.specifier))
      .filter((target) => target !== undefined)
      .filter((target) => isBreach(file.path, target))
      .map((target) => `${file.path} -> ${target}`),
  )
}

describe('the law: imports point down only', () => {
  test('every room has a floor', () => {
    const rooms = new Set(source.filter((file) => file.path !== roof).map((file) => roomOf(file.path)))
    expect([...rooms].filter((room) => floorOf(room) < 0)).toEqual([])
  })

  test('docs/architecture.md draws the same floors', () => {
    const page = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8')
    const drawn = [...page.matchAll(/^ *(\d+) {2}(\S+\/.*)$/gm)].map(([, floor, line = '']) => {
      // A room's name stands behind two spaces or more; what it is for behind one.
      const rooms = line.split(/ {2,}/).filter((word) => /^[a-z]+\/$/.test(word))
      return [Number(floor), rooms.map((room) => room.slice(0, -1))] as const
    })
    expect(drawn.reverse()).toEqual(floors.map((rooms, i) => [i + 1, rooms]))
  })

  test('no import leaves src/', () => {
    expect(breaches((_from, target) => !target.startsWith('src/'))).toEqual([])
  })

  test('no import points up, its types included', () => {
    const pointsUp = (from: string, target: string) =>
      from !== roof && (target === roof || floorOf(roomOf(target)) > floorOf(roomOf(from)))
    expect(breaches(pointsUp)).toEqual([])
  })

  test('rooms of one floor do not import one another', () => {
    const isNeighbour = (from: string, target: string) =>
      from !== roof && roomOf(from) !== roomOf(target) && floorOf(roomOf(from)) === floorOf(roomOf(target))
    expect(breaches(isNeighbour)).toEqual([])
  })

  test('no import runs in a circle', () => {
    expect(cyclesOf(source)).toEqual([])
  })
})

describe('the law: the browser path never sees Node', () => {
  test("only Node's platform imports webgpu, and only it and the command line node:", () => {
    const seeing = (what: RegExp, allowed: RegExp) =>
      source
        .filter((file) => file.imports.some(({ specifier }) => what.test(specifier)) && !allowed.test(file.path))
        .map((file) => file.path)
    expect(seeing(/^webgpu$/, /^src\/platform\/node\.ts$/)).toEqual([])
    expect(seeing(/^node:/, /^src\/(platform\/node|cli\/)/)).toEqual([])
  })

  test('nothing imports the command line', () => {
    expect(breaches((from, target) => roomOf(target) === 'cli' && roomOf(from) !== 'cli')).toEqual([])
  })

  test('platforms are reached through #platform, never by path', () => {
    const intoPlatform = (from: string, target: string) =>
      roomOf(from) !== 'platform' && /^src\/platform\/(node|browser)/.test(target)
    expect(breaches(intoPlatform)).toEqual([])
  })

  test('both platforms export the same names', async () => {
    const [node, browser] = await Promise.all([
      import('../../src/platform/node.ts'),
      import('../../src/platform/browser.ts'),
    ])
    expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort())
    const threads = await Promise.all([
      import('../../src/platform/node-thread.ts'),
      import('../../src/platform/browser-thread.ts'),
    ])
    expect(Object.keys(threads[1]).sort()).toEqual(Object.keys(threads[0]).sort())
  })
})

describe('the law: a number crosses into a device in exactly one room', () => {
  const saying = (isSaid: (name: string) => boolean, allowed: RegExp) =>
    source.filter((file) => [...file.identifiers].some(isSaid) && !allowed.test(file.path)).map((file) => file.path)

  test('only device/webgpu and the platforms say GPU', () => {
    expect(saying((name) => /^GPU([A-Z]|$)/.test(name), /^src\/(device\/webgpu|platform\/)/)).toEqual([])
  })

  test('only device/cpu says WebAssembly', () => {
    expect(saying((name) => name === 'WebAssembly', /^src\/device\/cpu/)).toEqual([])
  })
})

describe('the law: nobody asks which storage format a matrix has', () => {
  test("a format's folder is known to the table of formats and to the roof", () => {
    const intoFormat = (from: string, target: string) =>
      /^src\/formats\/[^/]+\//.test(target) &&
      path.posix.dirname(from) !== path.posix.dirname(target) &&
      from !== 'src/formats/formats.ts' &&
      from !== roof
    expect(breaches(intoFormat)).toEqual([])
  })

  test("no file above the plain arrays compares or lists the formats' types", () => {
    const types = storageTypes().join('|')
    const asks = new RegExp(`[!=]==\\s*'(${types})'|case '(${types})'|\\[\\s*'(${types})'\\s*,`)
    const asking = source
      .filter(({ path: file }) => !/^src\/(quant|device\/register|formats\/[^/]+)\//.test(file))
      .filter(({ path: file }) => asks.test(readFileSync(path.join(root, file), 'utf8')))
    expect(storageTypes().length).toBeGreaterThan(2)
    expect(asking.map((file) => file.path)).toEqual([])
  })
})

describe('examples', () => {
  test('import the library by its name only', () => {
    const byPath = examples.flatMap((file) =>
      file.imports
        .map((each) => resolveImport(file.path, each.specifier))
        .filter((target) => target !== undefined && !target.startsWith('examples/'))
        .map((target) => `${file.path} -> ${target}`),
    )
    expect(byPath).toEqual([])
  })

  test('import only what package.json exports', () => {
    const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { exports: object }
    const open = Object.keys(exports).map((name) => path.posix.join('peft-medaware', name))
    const used = examples.flatMap((file) => file.imports.map((each) => each.specifier))
    expect(used.filter((name) => /^peft-medaware(\/|$)/.test(name) && !open.includes(name))).toEqual([])
  })
})

describe('the page of examples/browser', () => {
  test('reaches no node: module', () => {
    const reached = ['examples/browser/main.ts']
    const ofNode: string[] = []
    // It grows while it is gone through.
    for (const file of reached) {
      for (const { specifier, typeOnly } of readSource(file).imports) {
        if (specifier.startsWith('node:')) ofNode.push(`${file} -> ${specifier}`)
        const target = typeOnly ? undefined : resolveImport(file, specifier)
        if (target?.endsWith('.ts') === true && !reached.includes(target)) reached.push(target)
      }
    }
    expect(reached).toContain('examples/medquad/prompt.ts')
    expect(ofNode).toEqual([])
  })
})

describe('size', () => {
  test('no folder holds more than 25 files', () => {
    const counts = new Map<string, number>()
    const files = ['src', 'kernels', 'examples', 'test', 'bench'].flatMap((folder) => pathsIn(folder, ['.ts', '.wgsl']))
    for (const file of files.filter((name) => !name.includes('/node_modules/'))) {
      const folder = path.posix.dirname(file)
      counts.set(folder, (counts.get(folder) ?? 0) + 1)
    }
    expect([...counts].filter(([, count]) => count > 25)).toEqual([])
  })

  const lines = (file: string) => readFileSync(path.join(root, file), 'utf8').trimEnd().split('\n').length

  test(`no file is longer than ${maxLines} lines`, () => {
    const all = ['src', 'kernels', 'examples'].flatMap((folder) => pathsIn(folder, ['.ts', '.wgsl']))
    expect(all.filter((file) => lines(file) > maxLines).map((file) => `${file}: ${lines(file)}`)).toEqual([])
  })

  test(`half of the files of src/ have at most ${maxMedianLines} lines`, () => {
    const counts = source.map((file) => lines(file.path)).sort((a, b) => a - b)
    expect(counts[Math.floor(counts.length / 2)]).toBeLessThanOrEqual(maxMedianLines)
  })
})

describe('kernels', () => {
  test('every row has its WGSL twin, and every WGSL file a row or a variant of one', () => {
    const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const files = pathsIn('kernels', ['.wgsl']).filter((file) => !file.startsWith('kernels/parts/'))
    const texts = files.map((file) => path.basename(file, '.wgsl'))
    const rows = Object.keys(kernels).map(kebab)
    expect(rows.filter((name) => !texts.includes(name))).toEqual([])
    const variants = [true, false].flatMap((isSoftware) =>
      variantsFor({ isSoftware, subgroupLanes: 8, hasMatrices: true }).map(({ text }) => kebab(text)),
    )
    expect(texts.filter((name) => !rows.includes(name) && !variants.includes(name))).toEqual([])
    expect(new Set(texts).size).toBe(texts.length)
  })

  test('every part of WGSL is named by two texts or more', () => {
    const texts = pathsIn('kernels', ['.wgsl']).map((file) => readFileSync(path.join(root, file), 'utf8'))
    const uses = texts.flatMap((text) => /^\/\/ Parts: (.*)\.$/m.exec(text)?.[1]?.split(', ') ?? [])
    const files = pathsIn('kernels/parts', ['.wgsl']).map((file) => path.basename(file, '.wgsl'))
    expect(files.length).toBeGreaterThan(0)
    expect(files.filter((name) => uses.filter((used) => used === name).length < 2)).toEqual([])
  })
})
