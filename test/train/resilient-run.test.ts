import { afterEach, describe, expect, it, vi } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import type { WebGpuDevice } from '../../src/device/webgpu/webgpu-device.ts'
import type { Batches } from '../../src/train/batch-pass.ts'
import { checkpointFileNames } from '../../src/train/checkpoint.ts'
import type { LabelledBatch } from '../../src/train/labelled-batch.ts'
import { type LostDevice, ResilientRun, type ResilientRunOptions } from '../../src/train/resilient-run.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import type { StepReport } from '../../src/train/step-report.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { testGpu } from '../device/test-gpu.ts'
import { oneLayerRun, randomExamples, trainedNumbers } from './tiny-run.ts'

const examples = randomExamples(6)
const options: TrainingOptions = { batchSize: 2, maxSteps: 8, learningRate: 0.01, schedule: 'cosine', warmup: 2 }

const devices: WebGpuDevice[] = []
afterEach(() => devices.splice(0).forEach((device) => device.dispose()))

async function open(more: TrainingOptions = {}): Promise<TrainingRun> {
  const device = await openWebGpuDevice(await testGpu())
  devices.push(device)
  return oneLayerRun(device, examples, { ...options, ...more })
}

const told = ({ step, epoch, loss, gradNorm, learningRate, tokens, labelTokens }: StepReport) => {
  return { step, epoch, loss, gradNorm, learningRate, tokens, labelTokens }
}

/** What all others are held against. */
const wanted = await (async () => {
  const run = await open()
  const reports = []
  for await (const report of run) reports.push(told(report))
  return { reports, numbers: await trainedNumbers(run.model) }
})()

/** Trains with a device destroyed right after the reports of some steps, once each. */
async function disturbed(breaks: readonly number[], more: Partial<ResilientRunOptions> = {}, training = {}) {
  const left = [...breaks]
  const losses: LostDevice[] = []
  const resilient = await ResilientRun.open({
    open: () => open(training),
    saveSteps: 3,
    onLost: (lost) => losses.push(lost),
    ...more,
  })
  const reports: ReturnType<typeof told>[] = []
  const failure = await (async () => {
    for await (const report of resilient) {
      reports.push(told(report))
      if (left[0] !== report.step) continue
      left.shift()
      devices.at(-1)?.gpu.destroy()
    }
  })().catch((error: unknown) => error)
  return { resilient, reports, losses, failure }
}

describe('a training run whose device is lost', () => {
  it('ends in our error, promptly, and leaves the loop clean', async () => {
    const run = await open()
    const seen: number[] = []
    const failure = await (async () => {
      for await (const { step } of run) {
        seen.push(step)
        if (step === 2) devices.at(-1)?.gpu.destroy()
      }
    })().catch((error: unknown) => error)
    expect(failure).toMatchObject({
      code: 'device-lost',
      message: expect.stringMatching(/open a new one, load the model again and restore the last checkpoint$/) as string,
    })
    expect([seen, run.model.training]).toEqual([[1, 2], false])
  })

  it.each([1, 3])('ends so as well while it is at work, reading every %i steps', async (loggingSteps) => {
    const run = await open({ loggingSteps, maxSteps: 1000 })
    const failure = await (async () => {
      for await (const { step } of run) if (step === 1) setTimeout(() => devices.at(-1)?.gpu.destroy(), 5)
    })().catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'device-lost' })
  })
})

describe('ResilientRun', () => {
  it('goes on after losses, before and after a snapshot, and reports what an undisturbed run does', async () => {
    const { resilient, reports, losses, failure } = await disturbed([2, 4, 7])
    expect(failure).toBeUndefined()
    expect(losses.map(({ step, restart, error }) => [step, restart, error.code])).toEqual([
      [0, 1, 'device-lost'],
      [3, 2, 'device-lost'],
      [6, 3, 'device-lost'],
    ])
    expect(reports).toEqual(wanted.reports)
    expect(await trainedNumbers(resilient.run.model)).toEqual(wanted.numbers)
    expect(resilient.snapshot?.step).toBe(6)
  })

  it('does so where reports come in groups, too', async () => {
    const { resilient, reports, failure } = await disturbed([1, 4], {}, { loggingSteps: 2 })
    expect(failure).toBeUndefined()
    expect(reports).toEqual(wanted.reports)
    expect(await trainedNumbers(resilient.run.model)).toEqual(wanted.numbers)
  })

  it('goes on in batches that can be opened again, and says where they cannot', async () => {
    const batches = examples.map(({ inputIds, labels }) => ({ inputIds, labels, shape: [1, inputIds.length] as const }))
    const over = (data: Batches<LabelledBatch>) => async () => {
      const { model } = await open()
      return new TrainingRun(model, data, { maxSteps: 8, learningRate: 0.01 })
    }
    const trained = async (data: Batches<LabelledBatch>, breakAt: number) => {
      const run = await ResilientRun.open({ open: over(data), saveSteps: 3 })
      const reports: ReturnType<typeof told>[] = []
      for await (const report of run) {
        reports.push(told(report))
        if (report.step === breakAt) devices.at(-1)?.gpu.destroy()
      }
      return { reports, numbers: await trainedNumbers(run.run.model) }
    }
    const undisturbed = await trained(() => batches, 9)
    expect(undisturbed.reports.map(({ epoch }) => epoch)).toEqual([0, 0, 0, 0, 0, 0, 1, 1])
    expect(await trained(() => batches, 4)).toEqual(undisturbed)
    expect(await trained(() => batches, 7)).toEqual(undisturbed)
    await expect(trained([...batches, ...batches].values(), 4)).rejects.toThrow('have been begun before')
  })

  it('ends by a signal, its own or that of its run, and is not opened again', async () => {
    const [stopping, reason] = [new AbortController(), new Error('Ctrl-C')]
    const opened = vi.fn(() => open())
    const resilient = await ResilientRun.open({ open: opened })
    const loop = async (signal: AbortSignal) => {
      for await (const { step } of resilient.train({ signal })) if (step === 2) stopping.abort(reason)
    }
    await expect(loop(stopping.signal)).rejects.toBe(reason)
    expect([resilient.run.step, opened.mock.calls.length]).toEqual([2, 1])
    const own = await ResilientRun.open({ open: () => open({ signal: stopping.signal }) })
    await expect(own[Symbol.asyncIterator]().next()).rejects.toBe(reason)
  })

  it('gives up after maxRestarts, with the snapshot to save', async () => {
    const saved: number[] = []
    const { resilient, reports, failure } = await disturbed([4, 5], {
      maxRestarts: 1,
      onSave: ({ step }) => void saved.push(step),
    })
    expect(failure).toMatchObject({ code: 'device-lost' })
    expect(reports.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5])
    expect(saved).toEqual([3])
    expect(resilient.snapshot?.step).toBe(3)
    expect([...(resilient.snapshot?.files.keys() ?? [])].sort()).toEqual(Object.values(checkpointFileNames).sort())
  })

  it('lets other errors through, also those of open', async () => {
    const refusal = new MedAwareError('not-found', 'no model')
    const opened = vi.fn(open).mockImplementationOnce(open)
    const resilient = await ResilientRun.open({ open: () => opened() })
    opened.mockRejectedValue(refusal)
    devices.at(-1)?.gpu.destroy()
    await expect(resilient[Symbol.asyncIterator]().next()).rejects.toBe(refusal)
    expect(opened).toHaveBeenCalledTimes(2)
  })

  it.each([
    [{ saveSteps: 0 }, 'ResilientRun: saveSteps must be a whole number from 1, got 0'],
    [{ maxRestarts: -1 }, 'ResilientRun: maxRestarts must be a whole number from 0, got -1'],
    [{ save_steps: 5 }, 'ResilientRun: there is no option "save_steps"; did you mean saveSteps?'],
    [{ onDeviceLost: () => undefined }, 'ResilientRun: there is no option "onDeviceLost"; did you mean onLost?'],
    [{ saveSteps: '50' }, 'ResilientRun: saveSteps must be a whole number from 1, got "50"'],
    [{ open: undefined }, 'ResilientRun: options must be an object with open, which makes a TrainingRun, got {}'],
    [{ open: () => Promise.resolve(null) }, 'ResilientRun: what open gives must be a TrainingRun, got null'],
  ])('refuses %j', async (wrong, message) => {
    const never = () => Promise.reject(new Error('opened'))
    await expect(ResilientRun.open({ open: never, ...wrong } as unknown as ResilientRunOptions)).rejects.toMatchObject({
      code: 'config',
      message,
    })
  })
})
