import { afterAll, describe, expect, it, vi } from 'vitest'
import { generateTokens } from '../../src/generate/generate.ts'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { zeros } from '../../src/tensor/tensor.ts'
import { checkpointFileNames, checkpointFiles, restoreCheckpoint } from '../../src/train/checkpoint.ts'
import type { LabelledBatch } from '../../src/train/labelled-batch.ts'
import type { StepReport } from '../../src/train/step-report.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import type { TrainingLoss } from '../../src/train/training-loss.ts'
import { testEngines } from '../device/devices.ts'
import { adaptedFalcon, collected, randomExamples, tinyRun, told, trainedNumbers } from './tiny-run.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))
const examples = randomExamples(8)
const options = { batchSize: 1, gradientAccumulationSteps: 4, maxSteps: 4, learningRate: 0.01 }

/** The model's own loss, and a call before each micro-batch. */
function hooked(before: () => void): TrainingLoss<LabelledBatch> {
  return (model, batch, { normalizer }) => {
    before()
    return model.loss(batch, batch.labels, normalizer)
  }
}

/** Keeps the thread busy, as a kernel of the CPU engine does. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

describe.each(devices)('TrainingRun and others on $description', (device) => {
  const { memory } = device

  async function undisturbed(more: TrainingOptions = {}) {
    const { run, model, dispose } = await tinyRun(device, examples, { ...options, ...more })
    const reports = (await collected(run)).map(told)
    const numbers = await trainedNumbers(model)
    dispose()
    return { reports, numbers }
  }

  it('hears a timer in the middle of a step', async () => {
    const events: string[] = []
    const loss = hooked(() => {
      events.push('micro-batch')
      block(20)
    })
    const more = { ...options, gradientAccumulationSteps: 8, maxSteps: 1, loss }
    const { run, dispose } = await tinyRun(device, examples, more)
    setTimeout(() => events.push('timer'), 50)
    await collected(run)
    const rehearsed = device.kind === 'webgpu' ? events.length - 9 : 0
    expect(events.slice(rehearsed).indexOf('timer')).toBeGreaterThan(0)
    expect(events.at(-1)).toBe('micro-batch')
    dispose()
  })

  it('catches nothing that others allocate between its micro-batches, and leaves no byte', async () => {
    const wanted = await undisturbed()
    const before = [memory.liveBytes, memory.liveBuffers]
    const theirs: ReturnType<typeof zeros>[] = []
    let micro = 0
    const allocate = () => void theirs.push(zeros(device, [64], 'theirs'))
    const loss = hooked(() => micro++ % 2 === 0 && setTimeout(allocate))
    const { run, model, dispose } = await tinyRun(device, examples, { ...options, loss })
    expect((await collected(run)).map(told)).toEqual(wanted.reports)
    expect(await trainedNumbers(model)).toEqual(wanted.numbers)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(theirs.length).toBeGreaterThan(4)
    expect(theirs.every(({ buffer }) => memory.isLive(buffer))).toBe(true)
    expect(await theirs[0]?.read()).toEqual(new Float32Array(64))
    for (const tensor of theirs) tensor.dispose()
    dispose()
    expect([memory.liveBytes, memory.liveBuffers]).toEqual(before)
  })

  it('trains to the same bits while a text is generated on its device', async () => {
    const wanted = await undisturbed()
    const before = [memory.liveBytes, memory.liveBuffers]
    const { run, model, dispose } = await tinyRun(device, examples, options)
    const talk = (async () => {
      let tokens = 0
      for await (const row of generateTokens(model, [[3, 4, 5]], { maxNewTokens: 24, eosTokenId: null }))
        tokens += row.length
      return tokens
    })()
    expect((await collected(run)).map(told)).toEqual(wanted.reports)
    expect(await trainedNumbers(model)).toEqual(wanted.numbers)
    expect(await talk).toBe(24)
    dispose()
    expect([memory.liveBytes, memory.liveBuffers]).toEqual(before)
  })

  it('ends by its signal in the middle of a step, applies nothing of it, and goes on to the same bits', async () => {
    const wanted = await undisturbed()
    const before = [memory.liveBytes, memory.liveBuffers]
    const reason = new Error('Ctrl-C')
    const stopping = new AbortController()
    let run: TrainingRun | null = null
    let ofSecond = 0
    const loss = hooked(() => run?.step === 1 && ++ofSecond === 2 && setTimeout(() => stopping.abort(reason)))
    const made = await tinyRun(device, examples, { ...options, loss, signal: stopping.signal })
    run = made.run
    const live = memory.liveBytes
    const heard: StepReport[] = []
    const loop = async () => {
      for await (const report of made.run) heard.push(report)
    }
    await expect(loop()).rejects.toBe(reason)
    expect([heard.length, run.step, made.model.training, memory.liveBytes]).toEqual([1, 1, false, live])
    expect(ofSecond).toBeLessThan(4)
    await expect(collected(run)).rejects.toBe(reason)
    expect(run.step).toBe(1)
    const files = await checkpointFiles(run)
    const rest = []
    for await (const report of run.train({ signal: new AbortController().signal })) rest.push(report)
    expect([...heard, ...rest].map(told)).toEqual(wanted.reports)
    expect(await trainedNumbers(made.model)).toEqual(wanted.numbers)
    made.dispose()
    const other = await tinyRun(device, examples, { ...options, loss: hooked(() => undefined) })
    const reader = await openSafetensors(bytesSource(files.get(checkpointFileNames.tensors) as Uint8Array, 'saved'))
    await restoreCheckpoint(other.run, files.get(checkpointFileNames.state) as string, reader)
    expect((await collected(other.run)).map(told)).toEqual(wanted.reports.slice(1))
    expect(await trainedNumbers(other.model)).toEqual(wanted.numbers)
    other.dispose()
    expect([memory.liveBytes, memory.liveBuffers]).toEqual(before)
  })

  it('waits for a slow device between micro-batches, so that a signal is not too late for what is queued', async () => {
    const { run, dispose } = await tinyRun(device, examples, { ...options, gradientAccumulationSteps: 2 })
    const settle = vi.spyOn(device, 'settle').mockImplementation(() => new Promise((go) => setTimeout(go, 600)))
    const stopping = new AbortController()
    const loop = async () => {
      for await (const { step } of run.train({ signal: stopping.signal })) {
        if (step === 1) setTimeout(() => stopping.abort(new Error('Ctrl-C')), 100)
      }
    }
    await expect(loop()).rejects.toThrow('Ctrl-C')
    settle.mockRestore()
    expect(run.step).toBe(1)
    expect(await collected(run)).toHaveLength(3)
    dispose()
  })

  it('reports every step that was taken before it ends by its signal, also where reports come in groups', async () => {
    const wanted = await undisturbed({ loggingSteps: 3, maxSteps: 9 })
    const [stopping, reason] = [new AbortController(), new Error('enough')]
    let run: TrainingRun | null = null
    const loss = hooked(() => run?.step === 4 && stopping.abort(reason))
    const made = await tinyRun(device, examples, { ...options, loggingSteps: 3, maxSteps: 9, loss })
    run = made.run
    const heard: StepReport[] = []
    const loop = async () => {
      for await (const report of made.run.train({ signal: stopping.signal })) heard.push(report)
    }
    await expect(loop()).rejects.toBe(reason)
    expect(run.step).toBe(4)
    expect(heard.map(told)).toEqual(wanted.reports.slice(0, 4))
    expect([...heard, ...(await collected(run))].map(told)).toEqual(wanted.reports)
    made.dispose()
  })

  it('ends by its signal while it waits for a batch, which is not lost', async () => {
    const { inputIds, labels } = examples[0] ?? { inputIds: new Int32Array(), labels: new Int32Array() }
    const batch: LabelledBatch = { inputIds, labels, shape: [1, inputIds.length] }
    let arrive: () => void = () => undefined
    const read: number[] = []
    async function* slow() {
      for (let i = 0; i < 4; i++) {
        if (i === 1) await new Promise<void>((resolve) => (arrive = resolve))
        read.push(i)
        yield batch
      }
    }
    const { model, dispose } = await adaptedFalcon(device)
    const run = new TrainingRun(model, slow(), { gradientAccumulationSteps: 2, maxSteps: 2 })
    const stopping = new AbortController()
    setTimeout(() => stopping.abort(new Error('stop')), 30)
    const reports = []
    const loop = async () => {
      for await (const report of run.train({ signal: stopping.signal })) reports.push(report)
    }
    await expect(loop()).rejects.toThrow('stop')
    expect([run.step, read]).toEqual([0, [0]])
    arrive()
    expect(await collected(run)).toHaveLength(2)
    expect(read).toEqual([0, 1, 2, 3])
    run.dispose()
    dispose()
  })
})

it('refuses what is no signal', async () => {
  const [device] = devices
  if (device === undefined) throw new Error('no device')
  const { run, dispose } = await tinyRun(device, examples, { batchSize: 4 })
  const wrong = { signal: new AbortController() } as unknown as { signal: AbortSignal }
  await expect(run.train(wrong).next()).rejects.toThrow('TrainingRun.train: signal must be an AbortSignal')
  await expect(run.train({ signal: AbortSignal.abort(new Error('never begun')) }).next()).rejects.toThrow('never begun')
  expect(run.step).toBe(0)
  dispose()
})
