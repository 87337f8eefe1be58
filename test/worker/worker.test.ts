import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  adapterFiles,
  attachLora,
  completeText,
  type Device,
  evaluateLoss,
  loadModel,
  type LoadProgress,
  MedAwareError,
  modelFiles,
  openDevice,
  planMemory,
  type StepReport,
  train,
  trainDpo,
  TrainingRun,
} from '../../src/index.ts'
import { type ModelWorker, startWorker, type WorkerModel } from '../../src/worker/index.ts'
import { told } from '../train/tiny-run.ts'

const base = join(import.meta.dirname, '../../examples/medquad/base')
const rows = Array.from({ length: 8 }, (_, i) => ({ prompt: `What is number ${i}?`, completion: ` It is ${7 * i}.` }))
const settings = { maxSteps: 3, batchSize: 2, learningRate: 0.01, seed: 3 }
const lora = { r: 4, loraDropout: 0.1 }

let device: Device
let worker: ModelWorker
let model: WorkerModel

beforeAll(async () => {
  ;({ device } = await openDevice({ device: 'cpu', cpu: { threads: 1 } }))
  worker = await startWorker({ device: 'cpu', cpu: { threads: 2 } })
  model = await worker.loadModel(base)
})
afterAll(() => {
  worker.terminate()
  device.dispose()
})

/** Notes the losses of a training. */
function noting(losses: number[]) {
  return { name: 'losses', onStepEnd: ({ loss }: StepReport) => void losses.push(loss) }
}

describe('the calls of the main thread', () => {
  test('give the same bits in a worker: training, adapter, loss and text', async () => {
    const here = await loadModel(base, { device })
    const [own, there] = [attachLora(here.model, lora, { seed: 1 }), await model.attachLora(lora, { seed: 1 })]
    expect([there.name, there.config]).toEqual([own.name, own.config])
    const losses: [number[], number[]] = [[], []]
    const { tokenizer } = here
    const callbacks = losses.map((list) => [noting(list)])
    const result = await train(here.model, rows, { ...settings, tokenizer, callbacks: callbacks[0]! })
    expect(await model.train(rows, { ...settings, callbacks: callbacks[1]! })).toEqual(result)
    expect(losses[0]).toHaveLength(3)
    expect(losses[1]).toEqual(losses[0])
    expect(await there.adapterFiles()).toEqual(await adapterFiles(own))
    const { examples } = await model.prepareExamples(rows)
    expect(await model.evaluateLoss(examples)).toEqual(await evaluateLoss(here.model, examples))
    const text = await completeText(here.model, tokenizer!, 'What is asthma?', { maxNewTokens: 8 })
    expect(await model.completeText('What is asthma?', { maxNewTokens: 8 })).toBe(text)
    const pieces: string[] = []
    for await (const piece of model.generateText('What is asthma?', { maxNewTokens: 8 })) pieces.push(piece)
    expect(pieces.length).toBeGreaterThan(2)
    expect(pieces.join('')).toBe(text)
    const run = new TrainingRun(here.model, examples, settings)
    const far = await model.trainingRun(examples, settings)
    expect(far.steps).toBe(3)
    const [reports, farReports]: [StepReport[], StepReport[]] = [[], []]
    for await (const report of run) reports.push(report)
    for await (const report of far.train()) farReports.push(report)
    expect(farReports.map(told)).toEqual(reports.map(told))
    expect(await far.trainingCard({ training: reports, evaluation: [] })).toMatchObject({
      figures: { Steps: '3 of 3' },
    })
    run.dispose()
    await far.dispose()
    const merged = { merge: true, dequantize: true } as const
    const sizes = new Map<string, number>()
    for await (const { name, bytes } of model.streamModelFiles(merged)) {
      sizes.set(name, (sizes.get(name) ?? 0) + bytes.length)
    }
    expect([...sizes]).toEqual([...(await modelFiles(here.model, merged))].map(([name, { length }]) => [name, length]))
    await there.detach()
    here.model.dispose()
  })

  test('teach preferences as on the main thread', async () => {
    const here = await loadModel(base, { device })
    const { tokenizer } = here
    attachLora(here.model, lora, { seed: 1 })
    const adapter = await model.attachLora(lora, { seed: 1 })
    const preferences = rows.map(({ prompt, completion: chosen }) => ({ prompt, chosen, rejected: ' Who knows.' }))
    const result = await trainDpo(here.model, preferences, { ...settings, tokenizer })
    expect(await model.trainDpo(() => preferences, settings)).toEqual(result)
    await adapter.detach()
    here.model.dispose()
  })

  test('write a run folder with samples of the worker’s tokenizer', async () => {
    const outputDir = await mkdtemp(join(tmpdir(), 'worker-'))
    const samples = { prompts: ['What is gout?'], generation: { maxNewTokens: 4 } }
    const adapter = await model.attachLora(lora)
    const result = await model.train(rows, { ...settings, outputDir, reportTo: ['html'], samples })
    const before = await adapter.setEnabled(false).then(() => model.completeText('What is gout?', samples.generation))
    expect(result.samples).toMatchObject([{ prompt: 'What is gout?', before }])
    expect(await readdir(outputDir)).toEqual(expect.arrayContaining(['adapter_model.safetensors', 'report.html']))
    await adapter.detach()
    await rm(outputDir, { recursive: true })
  })

  test('load from files, tell of progress before they end, and say what is held', async () => {
    const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']
    const files = await Promise.all(names.map(async (name) => new File([await readFile(join(base, name))], name)))
    const before = await worker.memory()
    const progress: LoadProgress[] = []
    const another = await worker.loadModel(files, {
      quantize: { type: 'nf4', doubleQuant: true },
      onProgress: (each) => void progress.push(each),
    })
    expect(progress.at(-1)).toMatchObject({ phase: 'load', done: progress.length, total: progress.length })
    expect(another).toMatchObject({ name: 'the given files', storage: { parameters: model.storage.parameters } })
    expect((await worker.memory()).liveBytes - before.liveBytes).toBeGreaterThanOrEqual(another.storage.bytes)
    expect(await another.encode('asthma')).toEqual(await model.encode('asthma'))
    await another.dispose()
    // The tables of 4 bits stay with the device.
    expect((await worker.memory()).liveBytes).toBeLessThan(before.liveBytes + 4096)
    await expect(another.countParameters()).rejects.toThrow('it has been disposed of')
  })
})

test('a worker plans memory for its own device, and lists what is kept of the Hub', async () => {
  const report = await worker.inspectModel(base)
  const config = report.kind === 'model' ? report.config : expect.unreachable()
  const options = { quantize: { type: 'nf4' }, adapter: { r: 8 }, batchSize: 2, length: 32 } as const
  const plan = await worker.planMemory(config, options)
  expect(plan).toEqual(planMemory(config, { ...options, device }))
  const { advice } = await worker.planMemory({ ...config, vocabSize: 2 ** 26 }, options)
  expect(advice).toContain(worker.device.description)
  const cacheFolder = await mkdtemp(join(tmpdir(), 'worker-cache-'))
  expect(await worker.cachedModels({ cacheFolder })).toEqual([])
  expect(await worker.deleteCachedModel('lab/tiny', { cacheFolder })).toBe(0)
  await rm(cacheFolder, { recursive: true })
})

describe('callbacks', () => {
  test('are waited for, have the model and the history, and their control goes back', async () => {
    const adapter = await model.attachLora(lora)
    const seen: unknown[] = []
    const result = await model.train(rows, {
      ...settings,
      callbacks: [
        {
          name: 'stopping',
          async onStepEnd({ step }, context, control) {
            const { trainable } = await context.model.countParameters()
            seen.push([step, context.history.training.length, trainable])
            control.shouldTrainingStop = step === 2
          },
          onTrainEnd: ({ step, history }) => void seen.push([step, history.training.map((report) => report.step)]),
        },
      ],
    })
    expect(result).toMatchObject({ step: 2, isStopped: true })
    const { trainable } = await model.countParameters()
    expect(seen).toEqual([
      [1, 1, trainable],
      [2, 2, trainable],
      [2, [1, 2]],
    ])
    await adapter.detach()
  })

  test('hold the training by a pause, and hear of evaluations and checkpoints', async () => {
    const adapter = await model.attachLora(lora)
    const seen: string[] = []
    await model.train(rows, {
      ...settings,
      ...{ evalDataset: rows.slice(0, 2), evalSteps: 2 },
      callbacks: [
        {
          name: 'pausing',
          onStepEnd: ({ step }, _, control) => void (control.shouldPause = step === 2),
          onPredictionStep: (done, total, { step }) => void seen.push(`${step}: ${done}/${total}`),
          async onPause({ step }) {
            seen.push(`${step}: paused`)
            await new Promise((resolve) => setTimeout(resolve, 20))
            seen.push(`${step}: goes on`)
          },
        },
      ],
    })
    expect(seen.slice(0, 4)).toEqual(['2: 0/2', '2: 2/2', '2: paused', '2: goes on'])
    await adapter.detach()
  })

  test('that throw end the training with just what they threw', async () => {
    const adapter = await model.attachLora(lora)
    const thrown = new RangeError('enough')
    const callbacks = [
      {
        name: 'throwing',
        onStepEnd() {
          throw thrown
        },
      },
    ]
    expect(await model.train(rows, { ...settings, callbacks }).catch((error: unknown) => error)).toBe(thrown)
    const onPrepare = () => {
      throw thrown
    }
    const endless = { ...settings, maxSteps: 1_000_000, onPrepare }
    expect(await model.train(rows, endless).catch((error: unknown) => error)).toBe(thrown)
    const loading = worker.loadModel(base, { onProgress: onPrepare })
    expect(await loading.catch((error: unknown) => error)).toBe(thrown)
    await adapter.detach()
  })
})

describe('signals', () => {
  test('abort before a call and within one, with just their reason', async () => {
    const adapter = await model.attachLora(lora)
    const reason = new Error('no more')
    const before = AbortSignal.abort(reason)
    expect(await model.train(rows, { ...settings, signal: before }).catch((error: unknown) => error)).toBe(reason)
    const within = new AbortController()
    const steps: number[] = []
    const training = model.train(rows, {
      ...{ ...settings, maxSteps: 1000, signal: within.signal },
      callbacks: [
        {
          name: 'aborting',
          onStepEnd({ step }) {
            steps.push(step)
            if (step === 2) within.abort(reason)
          },
        },
      ],
    })
    expect(await training.catch((error: unknown) => error)).toBe(reason)
    expect(steps).toEqual([1, 2])
    // On the heels of the order, before the worker has read it.
    const early = new AbortController()
    const text = model.completeText('What is asthma?', { maxNewTokens: 512, signal: early.signal })
    early.abort()
    const failure: unknown = await text.catch((error: unknown) => error)
    expect(failure).toBe(early.signal.reason)
    await adapter.detach()
  })
})

describe('streams', () => {
  test('are made as they are taken, and end where they are left', async () => {
    let made = 0
    let isClosed = false
    const many = async function* () {
      try {
        for (;;) {
          made++
          yield { prompt: 'What is it?', completion: ` It is ${made}.` }
        }
      } finally {
        isClosed = true
      }
    }
    const adapter = await model.attachLora(lora)
    const data = () => many()
    await model.train(data, { ...settings, streaming: true, maxSteps: 2 })
    expect(made).toBeGreaterThanOrEqual(4)
    expect(made).toBeLessThan(20)
    expect(isClosed).toBe(true)
    await adapter.detach()
    for await (const piece of model.generateText('What is asthma?', { maxNewTokens: 10_000, eosTokenId: null })) {
      expect(piece).not.toBe('')
      break
    }
  })

  test('of rows that end, fail or come once only are as on the main thread', async () => {
    const once = (function* () {
      yield* rows
    })()
    expect((await model.prepareExamples(once)).report.rows).toBe(8)
    await expect(model.prepareExamples(once)).rejects.toThrow('the rows have been gone through before')
    const broken = async function* () {
      yield* rows
      throw new TypeError('the line is dead')
    }
    await expect(model.prepareExamples(broken)).rejects.toThrow(new TypeError('the line is dead'))
  })
})

describe('errors', () => {
  test('cross with their code, sentence and kind', async () => {
    const missing: unknown = await worker.loadModel('/no/such/folder').catch((error: unknown) => error)
    expect(missing).toBeInstanceOf(MedAwareError)
    expect(missing).toMatchObject({ code: 'not-found', name: 'MedAwareError' })
    await expect(model.completeText('Why?', { maxNewTokens: 0 })).rejects.toMatchObject({ code: 'config' })
    await expect(worker.loadModel(base, { quantise: {} } as never)).rejects.toThrow('did you mean quantize?')
    await expect(startWorker({ device: 'gpu' } as never)).rejects.toThrow('openDevice: device must be')
  })

  test('name what cannot go to a worker', async () => {
    const refused = (options: object, at: string) =>
      expect(model.train(rows, { ...settings, ...options })).rejects.toMatchObject({
        code: 'unsupported',
        message: expect.stringContaining(`train: ${at}`) as string,
      })
    await refused({ loss: () => null }, 'loss is a function')
    await refused({ dataCollator: () => null }, 'dataCollator is a function')
    await refused({ optimizer: () => null }, 'optimizer is a function')
    await refused({ schedule: { type: 'linear', of: () => 1 } }, 'schedule.of is a function')
    await refused({ outputDir: { list: () => [], write: () => null } }, 'outputDir.list is a function')
    await refused({ optimizer: device }, 'optimizer is ')
    await refused({ callbacks: [{ name: 'mine', state: () => ({}) }] }, 'the callback mine has state')
    await expect(worker.loadModel(base, { device } as never)).rejects.toThrow('loadModel: device is ')
    await expect(model.completeText((() => 'no') as never)).rejects.toThrow('completeText: argument 1 is a function')
  })
})

test('a worker that ends fails the calls that are open, and those that come after', async () => {
  const other = await startWorker({ device: 'cpu', cpu: { threads: 1 } })
  const held = await other.loadModel(base)
  const open = held.completeText('What is asthma?', { maxNewTokens: 100_000, eosTokenId: null })
  const failed = expect(open).rejects.toMatchObject({ code: 'device' })
  other.terminate()
  await failed
  await expect(held.countParameters()).rejects.toThrow('the worker was ended by terminate; start another one')
})
