import { expect, it } from 'vitest'
import { readStored, readValue, settingsOf, storedText } from '../../../examples/browser/settings/chosen-settings.ts'
import { type MethodName, methods } from '../../../examples/browser/settings/methods.ts'
import { type SettingRow, settingRows } from '../../../examples/browser/settings/setting-rows.ts'
import { libraryOptionsOf } from '../../../examples/browser/settings/settings.ts'
import { baseFolder } from '../../../examples/medquad/bases.ts'
import { attachAdapter, loadModel, openDevice, prepareExamples, TrainingRun } from '../../../src/index.ts'
import { fourPairs } from './drive-page.ts'

const small = { learningRate: 0.004, targetModules: 'attention' } as const
const large = { learningRate: 0.0002, targetModules: 'all-linear' } as const
const rowOf = (name: SettingRow['name']): SettingRow => settingRows.find((row) => row.name === name)!

it('has defaults that follow the model, the method and one another until the person says otherwise', () => {
  expect(settingsOf({}, small)).toMatchObject({
    ...{ method: 'lora', rank: 16, loraAlpha: 32, learningRate: 0.004, targetModules: 'attention' },
    ...{ steps: 100, evalSteps: 13, heldOutShare: 0.1, seed: 42 },
  })
  expect(settingsOf({}, large)).toMatchObject({ learningRate: 0.0002, targetModules: 'all-linear' })
  expect(settingsOf({ rank: 4, steps: 50 }, small)).toMatchObject({ loraAlpha: 8, evalSteps: 7 })
  expect(settingsOf({ method: 'vera' }, large)).toMatchObject({ rank: 256, learningRate: 0.002 })
  expect(settingsOf({ method: 'ia3', learningRate: 0.01, loraAlpha: 5 }, large)).toMatchObject({
    ...{ learningRate: 0.01, loraAlpha: 5 },
  })
})

it('has a right default, a help and a field of its own for each setting', () => {
  const settings = settingsOf({}, small)
  expect(new Set(settingRows.map(({ id }) => id)).size).toBe(settingRows.length)
  expect(Object.keys(settings).sort()).toEqual(settingRows.map(({ name }) => name).sort())
  for (const row of settingRows) {
    expect(readValue(row, String(settings[row.name])), row.name).toEqual({ value: settings[row.name] })
    expect(row.help, row.name).toMatch(/^[A-Z].*\.$/)
  }
})

it.each([
  ['steps', '10', { value: 10 }],
  ['steps', ' 7 ', { value: 7 }],
  ['steps', '', { problem: 'Give a whole number from 1 to 100,000.' }],
  ['steps', '0', { problem: 'Give a whole number from 1 to 100,000.' }],
  ['steps', '1.5', { problem: 'Give a whole number from 1 to 100,000.' }],
  ['epochs', '0.5', { value: 0.5 }],
  ['learningRate', '2e-4', { value: 0.0002 }],
  ['learningRate', '0', { problem: 'Give a number from 1e-7 to 1.' }],
  ['heldOutShare', '1', { problem: 'Give a number from 0 to 0.9.' }],
  ['schedule', 'linear', { value: 'linear' }],
  ['schedule', 'toString', { problem: 'Choose one of the list.' }],
] as const)('reads %s from %j', (name, text, expected) => {
  expect(readValue(rowOf(name), text)).toEqual(expected)
})

it('keeps what was chosen, and ignores what is odd about it', () => {
  const chosen = { steps: 10, method: 'dora', learningRate: 0.001 } as const
  expect(readStored(storedText(chosen))).toEqual(chosen)
  const odd = { steps: '10', rank: 0.5, method: 'none', schedule: 7, unknown: 1, seed: 7 }
  expect(readStored(JSON.stringify({ version: 1, chosen: odd }))).toEqual({ seed: 7 })
  for (const text of [null, '', '{', '7', 'null', '{"version":2,"chosen":{"seed":7}}', '{"version":1}']) {
    expect(readStored(text), String(text)).toEqual({})
  }
})

it('says what a run is told', () => {
  const { adapter, training } = libraryOptionsOf(settingsOf({ method: 'rslora', rank: 8, batchSize: 2 }, large))
  expect(adapter).toEqual({
    ...{ peftType: 'LORA', r: 8, loraAlpha: 16, loraDropout: 0.05, targetModules: 'all-linear', useRslora: true },
  })
  expect(training).toEqual({
    ...{ maxSteps: 100, batchSize: 2, gradientAccumulationSteps: 1, gradientCheckpointing: false },
    ...{ learningRate: 0.0002, schedule: 'cosine', warmup: 0.05, seed: 42, groupByLength: true },
  })
  const inPasses = libraryOptionsOf(settingsOf({ duration: 'epochs', epochs: 2, steps: 7 }, large)).training
  expect(inPasses).toMatchObject({ epochs: 2 })
  expect(inPasses).not.toHaveProperty('maxSteps')
})

it('offers methods that train the small base, on the layers that can be chosen', async () => {
  const { device } = await openDevice({ device: 'cpu' })
  const { model, tokenizer } = await loadModel(baseFolder, { device, quantize: { type: 'nf4', doubleQuant: true } })
  const { examples } = await prepareExamples(tokenizer!, fourPairs, { maxLength: 32 })
  for (const method of Object.keys(methods) as MethodName[]) {
    for (const targetModules of ['attention', 'all-linear'] as const) {
      const settings = settingsOf({ method, targetModules, steps: 6, rank: 4, warmup: 0, schedule: 'constant' }, small)
      const { adapter, training } = libraryOptionsOf(settings)
      const attached = attachAdapter(model, adapter, { seed: 42 })
      const run = new TrainingRun(model, examples, training)
      const losses: number[] = []
      for await (const { loss } of run.train()) losses.push(loss)
      expect(losses.at(-1), `${method} on ${targetModules}`).toBeLessThan(losses[0]!)
      run.dispose()
      attached.detach()
    }
  }
  device.dispose()
})
