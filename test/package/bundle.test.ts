import path from 'node:path'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')

/**
 * Bytes of each room's code in a bundle for browsers of what `names` of the everyday entry need, kernels that load by
 * need aside.
 */
async function roomsIn(...names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const { metafile } = await build({
    stdin: { contents: `export { ${names.join(', ')} } from './src/index.ts'`, resolveDir: root },
    ...{ bundle: true, splitting: true, write: false, minify: true, metafile: true, logLevel: 'silent' },
    ...{ format: 'esm', platform: 'browser', target: 'es2022', outdir: path.join(root, 'out'), absWorkingDir: root },
    alias: { '#platform': './src/platform/browser.ts' },
  })
  const rooms = new Map<string, number>()
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const [folder, room = ''] = file.split('/')
      if (folder !== 'src' || bytesInOutput === 0 || file.includes('.generated.')) continue
      rooms.set(room, (rooms.get(room) ?? 0) + bytesInOutput)
    }
  }
  return rooms
}

it('loading and generating pull in no code of training, adapters or evaluation', async () => {
  const rooms = await roomsIn('openDevice', 'loadModel', 'generateText')
  expect([...rooms.keys()].sort()).toEqual(
    `autograd core device formats generate io models nn ops platform quant safetensors tensor`.split(' '),
  )
})

it('training pulls in nothing of reading and writing', async () => {
  const rooms = await roomsIn('openDevice', 'TrainingRun', 'attachLora')
  expect(
    [...rooms.keys()].filter((room) => ['io', 'generate', 'evaluate', 'safetensors', 'cli'].includes(room)),
  ).toEqual([])
})
