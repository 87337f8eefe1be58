import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { examplesOf } from '../../../examples/medquad/questions.ts'
import { evaluateLoss, loadModel, openAdapter, openDevice } from '../../../src/index.ts'
import { root } from '../../programs/run-program.ts'
import { download, fourPairs } from './drive-page.ts'

const base = join(root, 'examples/medquad/base')

/** Our own reader: the mean loss on the four pairs without and with an adapter that the page handed out. */
async function lossesHere(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Promise<[number, number]> {
  const { device } = await openDevice({ device: 'cpu' })
  const { model, tokenizer } = await loadModel(base, { device, quantize: { type: 'nf4', doubleQuant: true } })
  const examples = examplesOf(tokenizer!, fourPairs, 256)
  const before = await evaluateLoss(model, examples)
  const parts = [...files].map(([path, bytes]) => new File([bytes], path.replace('medaware-adapter/', '')))
  await openAdapter(model, parts, { device })
  const after = await evaluateLoss(model, examples)
  device.dispose()
  return [before.loss, after.loss]
}

/** Holds the adapter that the page hands out against what it said of the losses. */
export async function checkAdapter(page: Page, losses: { first: number; last: number }): Promise<void> {
  expect(losses.last).toBeLessThan(losses.first - 0.05)
  const { name, files } = await download(page)
  expect(name).toBe('medaware-adapter.zip')
  expect([...files.keys()]).toEqual(
    ['adapter_config.json', 'adapter_model.safetensors', 'README.md'].map((file) => `medaware-adapter/${file}`),
  )
  const [before, after] = await lossesHere(files)
  expect(before).toBeCloseTo(losses.first, 1)
  expect(after).toBeLessThan(losses.last + 0.1)
}
