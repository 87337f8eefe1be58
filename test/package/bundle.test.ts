import path from 'node:path'
import { build, type Metafile } from 'esbuild'
import { expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')

/**
 * Bytes of each file that a bundle for browsers of `names` of the everyday entry loads at once; engines, kernels,
 * parsers and templates load by need.
 */
async function filesIn(...names: readonly string[]): Promise<readonly (readonly [file: string, bytes: number])[]> {
  const { metafile } = await build({
    stdin: { contents: `export { ${names.join(', ')} } from './src/index.ts'`, resolveDir: root },
    ...{ bundle: true, splitting: true, write: false, minify: true, metafile: true, logLevel: 'silent' },
    ...{ format: 'esm', platform: 'browser', target: 'es2022', outdir: path.join(root, 'out'), absWorkingDir: root },
    alias: { '#platform': './src/platform/browser.ts' },
  })
  return loadedAtOnce(metafile).flatMap(({ inputs }) =>
    Object.entries(inputs).map(([file, { bytesInOutput }]) => [file, bytesInOutput] as const),
  )
}

/** The same by room, and by parser. */
async function roomsIn(...names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rooms = new Map<string, number>()
  for (const [file, bytes] of await filesIn(...names)) {
    const [folder, room = ''] = file.split('/')
    const parser = /^node_modules\/(papaparse|hyparquet|@huggingface\/jinja)\//.exec(file)?.[1]
    if (parser !== undefined) rooms.set(parser, bytes)
    if (folder !== 'src' || bytes === 0 || file.includes('.generated.')) continue
    rooms.set(room, (rooms.get(room) ?? 0) + bytes)
  }
  return rooms
}

/** A bundle's entry, and what it imports at once. */
function loadedAtOnce({ outputs }: Metafile): Metafile['outputs'][string][] {
  const reached = Object.keys(outputs).filter((name) => outputs[name]?.entryPoint === '<stdin>')
  // It grows while it is gone through.
  for (const name of reached) {
    for (const { kind, path: next } of outputs[name]?.imports ?? []) {
      if (kind === 'import-statement' && !reached.includes(next)) reached.push(next)
    }
  }
  return reached.flatMap((name) => outputs[name] ?? [])
}

it('loading and generating pull in no code of training, adapters or evaluation', async () => {
  const rooms = await roomsIn('openDevice', 'loadModel', 'generateText')
  expect([...rooms.keys()].sort()).toEqual(
    `autograd core device formats generate gguf io models nn ops platform quant safetensors tensor`.split(' '),
  )
})

it('opening a device brings the CPU engine only where there is no GPU', async () => {
  const files = (await filesIn('openDevice', 'selfTest')).map(([file]) => file)
  expect(files.filter((file) => file.startsWith('src/device/cpu/'))).toEqual(['src/device/cpu/options.ts'])
})

it('training pulls in nothing of reading and writing', async () => {
  const rooms = await roomsIn('openDevice', 'TrainingRun', 'attachLora')
  expect(
    [...rooms.keys()].filter((room) => ['io', 'generate', 'evaluate', 'safetensors', 'cli'].includes(room)),
  ).toEqual([])
})

it('loading brings what reads GGUF files when there is one', async () => {
  const rooms = await roomsIn('openDevice', 'loadModel')
  // Formats of blocks read their scales.
  expect(rooms.get('gguf')).toBeLessThan(1000)
})

it('preparing data brings no parser and no template before it needs them', async () => {
  const rooms = await roomsIn('loadDataset', 'prepareExamples', 'applyChatTemplate')
  expect(rooms.get('data')).toBeLessThan(32_000)
  const others = [...rooms.keys()].filter((room) => {
    return !'core data io models platform safetensors'.split(' ').includes(room)
  })
  // The bundler puts classes that code by need shares with a type's test beside it: a few kilobytes, and no work.
  expect(others.filter((room) => !['device', 'tensor', 'formats'].includes(room))).toEqual([])
  expect(others.reduce((sum, room) => sum + (rooms.get(room) ?? 0), 0)).toBeLessThan(5000)
})
