import { getEventListeners } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../src/device/device.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { Trainer } from '../../src/trainer/trainer.ts'
import type { TrainerCallback } from '../../src/trainer/trainer-callback.ts'
import type { TrainerOptions } from '../../src/trainer/trainer-options.ts'
import { adaptedFalcon, randomExamples } from '../train/tiny-run.ts'
import { letterTokenizer } from './letter-tokenizer.ts'

/** The step from which on nothing may grow: every shape has been met, and functions are compiled. */
const warm = 600
const last = 2000
/** Evaluations and checkpoints between the two. */
const every = 50
/**
 * Objects that the steps between may leave: a report each, two for an evaluation, and some for what came up by chance.
 */
const mostObjects = last - warm + 2 * ((last - warm) / every) + 50
/** Bytes of the heap that a step may leave: its report has 233, and functions are compiled when V8 likes. */
const mostOfStep = 900
/** Bytes outside the heap, where the allocator keeps some for writings to come: 8 KiB a step would be 11 MiB. */
const mostOutside = 10 * 2 ** 20

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

let device: Device
let folder: string
const { signal } = new AbortController()
const examples = randomExamples(40)
const samples = { prompts: ['abc'], tokenizer: letterTokenizer, generation: { maxNewTokens: 8 } }
const everything: TrainerOptions = {
  ...{ batchSize: 2, learningRate: 1e-3, seed: 7, signal, reportTo: 'all', samples },
  ...{ saveSteps: every, saveTotalLimit: 2, evalDataset: randomExamples(46).slice(40), evalSteps: every },
  ...{ earlyStoppingPatience: last, loadBestModelAtEnd: true },
}

beforeAll(async () => {
  device = await openCpuDevice()
  folder = await mkdtemp(join(tmpdir(), 'no-growth-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

/** What is in the process's memory, without what V8 sets aside for garbage to come. */
async function memoryInUse() {
  // What finalizers let go of in a later turn is garbage then.
  for (let round = 0; round < 3; round++) {
    collectGarbage()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const objects = queryObjects(Object, { format: 'count' })
  const tensors = queryObjects(Tensor, { format: 'count' })
  const { rss, heapTotal, heapUsed: heap, external } = process.memoryUsage()
  return { objects, tensors, heap, external, outside: rss - heapTotal }
}

type Handles = Awaited<ReturnType<typeof handles>>

/** What is open or on the disk, by numbers and names that must stay as they are. */
async function handles(outputDir: string) {
  const files = (await readdir(outputDir, { recursive: true })).map((name) => name.replace(/^checkpoint-\d+/, 'saved'))
  const descriptors = existsSync('/proc/self/fd') ? (await readdir('/proc/self/fd')).length : 0
  const resources = process.getActiveResourcesInfo().sort()
  return {
    files: files.sort(),
    descriptors,
    resources: resources.filter((kind) => kind !== 'Timeout'),
    timers: resources.filter((kind) => kind === 'Timeout').length,
    listeners: getEventListeners(signal, 'abort').length,
    ofProcess: process.eventNames().map((name) => [name, process.listenerCount(name)]),
  }
}

/** Timers of the test's runner come and go: just one that each evaluation or each run left would be many. */
function expectSame(late: Handles, early: Handles): void {
  const { timers, ...others } = late
  expect({ ...others, timers: early.timers }).toEqual(early)
  expect(timers).toBeLessThan(early.timers + 5)
}

function engineBytes() {
  const { liveBuffers, liveBytes } = device.memory
  return { liveBuffers, liveBytes, freeBytes: device.limits.freeBytes }
}

it('a whole training does not grow from step 600 to step 2,000', async () => {
  const outputDir = join(folder, 'long')
  const { model, dispose } = await adaptedFalcon(device)
  const before = engineBytes()
  const seen: Awaited<ReturnType<typeof look>>[] = []
  const look = async () => ({ memory: await memoryInUse(), engine: engineBytes(), handles: await handles(outputDir) })
  const watch: TrainerCallback = {
    name: 'watch',
    async onSave(step) {
      if (step === warm || step === last) seen.push(await look())
    },
  }
  const trainer = new Trainer(model, examples, { ...everything, maxSteps: last, outputDir, callbacks: [watch] })
  await trainer.train()
  const [early, late] = seen
  if (early === undefined || late === undefined) throw new Error('the training saved no steps')
  expect(late.engine).toEqual(early.engine)
  expectSame(late.handles, early.handles)
  expect(late.handles.files.filter((name) => name === 'saved')).toHaveLength(2)
  expect(late.memory.tensors).toBe(early.memory.tensors)
  const grown = (of: keyof typeof late.memory) => late.memory[of] - early.memory[of]
  expect(grown('objects')).toBeLessThan(mostObjects)
  expect(grown('heap')).toBeLessThan(mostOfStep * (last - warm))
  expect(grown('external')).toBeLessThan(2 ** 16)
  expect(grown('outside')).toBeLessThan(mostOutside)
  trainer.dispose()
  expect(engineBytes()).toEqual(before)
  dispose()
})

it('a training that is gone on with again and again opens nothing that stays', async () => {
  const outputDir = join(folder, 'again')
  const goOn = async (maxSteps: number) => {
    const { model, dispose } = await adaptedFalcon(device)
    const acceptDifferences = ['steps']
    const options = { ...everything, maxSteps, outputDir, resumeFromCheckpoint: true, acceptDifferences }
    const trainer = new Trainer(model, examples, options)
    await trainer.train()
    trainer.dispose()
    dispose()
    return { step: trainer.run.step, engine: engineBytes(), handles: await handles(outputDir) }
  }
  await goOn(2)
  const early = await goOn(4)
  let late = early
  for (let steps = 6; steps <= 60; steps += 2) late = await goOn(steps)
  expect(late.step).toBe(60)
  expect(late.engine).toEqual(early.engine)
  expectSame(late.handles, early.handles)
})
