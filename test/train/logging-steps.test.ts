import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import type { Device } from '../../src/device/device.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { checkpointFileNames, restoreCheckpoint, checkpointFiles } from '../../src/train/checkpoint.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import type { StepReport } from '../../src/train/step-report.ts'
import type { TrainingRun } from '../../src/train/training-run.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { keptGpu } from '../device/kept-gpu.ts'
import { oneLayerRun, randomExamples, trainedNumbers } from './tiny-run.ts'

const devices: Device[] = [await openTestCpu(), await openWebGpuDevice(await keptGpu())]
afterAll(() => devices.forEach((device) => device.dispose()))
afterEach(() => vi.restoreAllMocks())
const examples = randomExamples(6)
const options: TrainingOptions = { batchSize: 2, maxSteps: 8, learningRate: 0.01, schedule: 'cosine', warmup: 2 }

const told = ({ step, epoch, loss, gradNorm, learningRate, tokens, labelTokens }: StepReport) => {
  return { step, epoch, loss, gradNorm, learningRate, tokens, labelTokens }
}

async function all(run: TrainingRun) {
  const reports: ReturnType<typeof told>[] = []
  for await (const report of run) reports.push(told(report))
  return reports
}

describe.each(devices)('loggingSteps on $description', (device) => {
  const { memory } = device
  const open = (loggingSteps: number, more: TrainingOptions = {}) =>
    oneLayerRun(device, examples, { ...options, loggingSteps, ...more })

  it('changes when reports come, and not a bit of them or of what is learned', async () => {
    const outcomes = []
    for (const loggingSteps of [1, 2, 3, 8, 100]) {
      const run = open(loggingSteps)
      outcomes.push({ reports: await all(run), numbers: await trainedNumbers(run.model) })
      run.dispose()
    }
    const [wanted, ...others] = outcomes
    expect(wanted?.reports.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    for (const other of others) expect(other).toEqual(wanted)
  })

  it('runs ahead by less than two groups, and reads once a group', async () => {
    const run = open(3)
    const download = vi.spyOn(device, 'download')
    const ahead: [number, number, number][] = []
    for await (const report of run) {
      ahead.push([report.step, run.step, download.mock.calls.length])
      expect(report.secondsLeft > 0).toBe(report.step < 8)
    }
    expect(ahead).toEqual([
      [1, 6, 2],
      [2, 6, 2],
      [3, 6, 2],
      [4, 8, 3],
      [5, 8, 3],
      [6, 8, 3],
      [7, 8, 3],
      [8, 8, 3],
    ])
    run.dispose()
  })

  it('gives checkpoints of the steps taken at every report, from which a run goes on to the same bits', async () => {
    const through = open(1)
    const reports = await all(through)
    const numbers = await trainedNumbers(through.model)
    through.dispose()
    const run = open(3)
    for await (const { step } of run) {
      const files = await checkpointFiles(run)
      const taken = run.step
      expect(taken).toBeGreaterThanOrEqual(step)
      if (step % 2 === 0) continue
      const resumed = open(step % 4 === 1 ? 1 : 2)
      const tensors = files.get(checkpointFileNames.tensors) as Uint8Array
      const reader = await openSafetensors(bytesSource(tensors, checkpointFileNames.tensors))
      await restoreCheckpoint(resumed, files.get(checkpointFileNames.state) as string, reader)
      expect(await all(resumed)).toEqual(reports.slice(taken))
      expect(await trainedNumbers(resumed.model)).toEqual(numbers)
      resumed.dispose()
    }
    run.dispose()
  })

  it('leaves nothing behind a loop that is left, wherever that is', async () => {
    const run = open(3, { maxSteps: 100 })
    const before = [memory.liveBytes, memory.liveBuffers]
    for (const last of [1, 2, 4]) {
      let seen = 0
      for await (const report of run) if (report.step > 0 && ++seen === last) break
      expect([memory.liveBytes, memory.liveBuffers]).toEqual(before)
      expect(run.model.training).toBe(false)
    }
    // Whoever goes on hears of the steps after those taken.
    const next = run.step + 1
    for await (const { step } of run) {
      expect(step).toBe(next)
      break
    }
    run.dispose()
  })

  it('stops at a step that is not finite, which and whose followers change nothing', async () => {
    const run = open(3, { maxSteps: 100, warmup: 0 })
    const seen: number[] = []
    const before = [memory.liveBytes, memory.liveBuffers]
    let numbers: Float32Array[] = []
    const failure = await (async () => {
      for await (const { step } of run) {
        seen.push(step)
        if (step !== 2) continue
        for (const [name, weight] of run.model.namedWeights()) {
          if (name.includes('ln_f') && 'dtype' in weight) weight.write(new Float32Array(16).fill(NaN))
        }
        expect(run.step).toBe(6)
        numbers = await trainedNumbers(run.model)
      }
    })().catch((error: unknown) => error)
    expect(failure).toMatchObject({
      code: 'numeric',
      message:
        'TrainingRun: the loss is NaN at step 7: the weight transformer.ln_f.weight is not finite; lower the learning rate or look for bad rows',
    })
    expect(seen).toEqual([1, 2, 3, 4, 5, 6])
    expect(run.step - 7).toBeLessThanOrEqual(2 * 3 - 1)
    expect(await trainedNumbers(run.model)).toEqual(numbers)
    expect([memory.liveBytes, memory.liveBuffers]).toEqual(before)
    run.dispose()
  })
})
