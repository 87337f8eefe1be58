import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { prepareExamples } from '../../src/data/prepare-examples.ts'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../src/device/device.ts'
import { collate } from '../../src/models/example.ts'
import { adaptersOf } from '../../src/peft/several/several-adapters.ts'
import { openAdapter } from '../../src/io/adapter-folder.ts'
import { attachAdapter } from '../../src/peft/attach.ts'
import type { LoraConfig } from '../../src/peft/lora/lora-config.ts'
import { startLora } from '../../src/peft/lora/starts/start-lora.ts'
import { Trainer } from '../../src/trainer/trainer.ts'
import { train, type TrainDataset, type TrainDatasetOptions } from '../../src/trainer/train.ts'
import { maxDifference, tinyFalcon } from '../peft/tiny-falcon.ts'
import { trainedNumbers } from '../train/tiny-run.ts'
import { endedTokenizer as tokenizer } from './letter-tokenizer.ts'

const rows = Array.from({ length: 12 }, (_, i) => ({
  question: `what is ${i}?`,
  answer: 'so it is '.repeat(1 + (i % 3)).trim(),
}))
const peftConfig = { peftType: 'LORA', r: 4, loraDropout: 0.1 }
const options: TrainDatasetOptions = { tokenizer, peftConfig, maxSteps: 4, batchSize: 3, learningRate: 0.01, seed: 1 }
let device: Device
let folder: string

beforeAll(async () => {
  device = await openCpuDevice()
  folder = await mkdtemp(join(tmpdir(), 'train-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

/** Trains a fresh tiny model. */
async function trained(data: TrainDataset, given: TrainDatasetOptions) {
  const model = await tinyFalcon(device)
  try {
    const result = await train(model, data, given)
    return { result, numbers: await trainedNumbers(model), adapters: [...adaptersOf(model).keys()] }
  } finally {
    for (const adapter of adaptersOf(model).values()) adapter.detach()
    model.dispose()
  }
}

test('rows are made examples of, and the adapter is attached and saved', async () => {
  const outputDir = join(folder, 'rows')
  const { result, numbers, adapters } = await trained(rows, { ...options, outputDir, evalDataset: rows.slice(0, 4) })
  const { examples } = await prepareExamples(tokenizer, rows)
  const evalDataset = (await prepareExamples(tokenizer, rows.slice(0, 4))).examples
  const same = await trained(examples, { ...options, evalDataset })
  expect(numbers).toEqual(same.numbers)
  expect(result.metrics?.['evalLoss']).toBe(same.result.metrics?.['evalLoss'])
  expect(adapters).toEqual(['default'])
  const config = JSON.parse(await readFile(join(outputDir, 'adapter_config.json'), 'utf8')) as Record<string, unknown>
  expect(config).toMatchObject({ peft_type: 'LORA', r: 4 })
  const run = JSON.parse(await readFile(join(outputDir, 'run.json'), 'utf8')) as Record<string, unknown>
  expect(run).toMatchObject({
    steps: 4,
    data: { examples: 12, evalExamples: 4 },
    options: { maxSteps: 4, batchSize: 3 },
  })
})

test('a stream of rows is trained on in its order, without all of it in memory', async () => {
  let most = 0
  const open = function* () {
    for (const [i, row] of rows.entries()) {
      most = Math.max(most, i)
      yield row
    }
  }
  const { numbers } = await trained(open, { ...options, streaming: true, maxSteps: 2 })
  expect(most).toBeLessThan(rows.length - 1)
  const { examples } = await prepareExamples(tokenizer, rows)
  const batches = function* () {
    for (const at of [0, 3]) {
      const { batch, labels } = collate(examples.slice(at, at + 3))
      yield { ...batch, labels }
    }
  }
  const model = await tinyFalcon(device)
  const adapter = attachAdapter(model, peftConfig, { seed: 1 })
  const trainer = new Trainer(model, batches, { maxSteps: 2, learningRate: 0.01, seed: 1 })
  await trainer.train()
  expect(numbers).toEqual(await trainedNumbers(model))
  trainer.dispose()
  adapter.detach()
  model.dispose()
})

test.each(['pissa', 'olora', 'loftq', 'eva', 'corda'])(
  'an adapter begins by %s, from its own seed',
  async (initLoraWeights) => {
    const given = { ...options, maxSteps: 1, seed: 9, initSeed: 1, peftConfig: { ...peftConfig, initLoraWeights } }
    const { numbers } = await trained(rows, given)
    const { examples } = await prepareExamples(tokenizer, rows)
    const model = await tinyFalcon(device)
    const isFromData = initLoraWeights === 'eva' || initLoraWeights === 'corda'
    const batches = [examples.slice(0, 8), examples.slice(8)].map((some) => {
      const { batch, labels } = collate(some)
      return { ...batch, labels }
    })
    const fields = { r: 4, loraDropout: 0.1, initLoraWeights } as Partial<LoraConfig>
    const adapter = await startLora(model, fields, { seed: 1, ...(isFromData && { batches }) })
    await train(model, examples, { maxSteps: 1, batchSize: 3, learningRate: 0.01, seed: 9 })
    expect(numbers).toEqual(await trainedNumbers(model))
    adapter.detach()
    model.dispose()
  },
)

test.each(['pissa', 'olora', 'loftq', 'corda'])('what %s began is saved so that it loads', async (initLoraWeights) => {
  const outputDir = join(folder, initLoraWeights)
  const model = await tinyFalcon(device, initLoraWeights === 'loftq' ? 'f32' : 'nf4')
  const logits = async () => {
    const batch = { inputIds: Int32Array.of(5, 9, 30, 2), shape: [1, 4] as const }
    const out = model.forward(batch)
    const values = await out.read()
    out.dispose()
    return values
  }
  await train(model, rows, { ...options, maxSteps: 2, outputDir, peftConfig: { ...peftConfig, initLoraWeights } })
  const trainedLogits = await logits()
  for (const adapter of adaptersOf(model).values()) adapter.detach()
  const loaded = await openAdapter(model, outputDir)
  expect(maxDifference(await logits(), trainedLogits)).toBeLessThan(1e-5)
  loaded.detach()
  model.dispose()
})

test('what is odd about rows is told', async () => {
  const warnings: string[] = []
  const onWarning = (message: string, code: string) => warnings.push(`${code}: ${message}`)
  await trained(rows, { ...options, maxLength: 45, onWarning })
  expect(warnings).toContainEqual(expect.stringMatching(/^data: prepareExamples: \d+ of 12 rows/))
})

test('rows without a tokenizer, unknown options and a second adapter are refused', async () => {
  await expect(trained(rows, { ...options, tokenizer: null })).rejects.toThrow(
    'train: rows need a tokenizer; give { tokenizer }, as loadModel gives it',
  )
  await expect(trained(rows, { ...options, maxLenght: 3 } as never)).rejects.toThrow(
    'train: there is no option "maxLenght"; did you mean maxLength?',
  )
  await expect(trained(rows, { ...options, streaming: true, maxSteps: null })).rejects.toThrow('give maxSteps')
  const eva = { ...peftConfig, initLoraWeights: 'eva' }
  await expect(trained(rows, { ...options, streaming: true, peftConfig: eva })).rejects.toThrow(
    'train: a start from examples goes over them before',
  )
  const model = await tinyFalcon(device)
  const adapter = attachAdapter(model, { peftType: 'LORA', r: 2 })
  await expect(train(model, rows, options)).rejects.toThrow('train: the model has an adapter already')
  adapter.detach()
  model.dispose()
})
