import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { TuningChoices } from '../../src/device/device.ts'
import { rowVariants } from '../../src/device/webgpu/programs/row-variants.ts'
import type { WebGpuOptions } from '../../src/device/webgpu/options.ts'
import type { TuningProgress } from '../../src/device/webgpu/programs/tuner.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import { evaluateLoss } from '../../src/evaluate/loss.ts'
import { generateTokens } from '../../src/generate/generate.ts'
import { keptGpu } from '../device/kept-gpu.ts'
import { oneLayerRun, randomExamples, trainedNumbers } from './tiny-run.ts'

// A choice for four kernels; llvmpipe would compile and time products for minutes.
const software = { isSoftware: true, subgroupLanes: 0, hasMatrices: false }
vi.mock('../../src/device/webgpu/programs/variants.ts', () => ({ variantsFor: () => rowVariants(software) }))

let folder: string
const home = process.env['XDG_CACHE_HOME']
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tuned-run-'))
  process.env['XDG_CACHE_HOME'] = folder
})
afterAll(async () => {
  if (home === undefined) delete process.env['XDG_CACHE_HOME']
  else process.env['XDG_CACHE_HOME'] = home
  await rm(folder, { recursive: true })
})

interface Outcome {
  readonly losses: readonly number[]
  readonly trained: readonly Float32Array[]
  readonly evaluated: number
  readonly tokens: readonly unknown[]
  /** The choices in force at the first report, and at the end. */
  readonly atFirst: TuningChoices
  readonly atLast: TuningChoices
}

/** Trains two steps, evaluates and generates, on a device of its own. */
async function train(options: WebGpuOptions): Promise<Outcome> {
  const device = await openWebGpuDevice(await keptGpu(), options)
  const examples = randomExamples(4)
  const run = oneLayerRun(device, examples, { batchSize: 2, maxSteps: 2 })
  const losses: number[] = []
  let atFirst: TuningChoices | null = null
  for await (const { loss } of run) {
    losses.push(loss)
    atFirst ??= device.tuning
  }
  const { liveBytes } = device.memory
  const { loss: evaluated } = await evaluateLoss(run.model, examples)
  const tokens: unknown[] = []
  for await (const token of generateTokens(run.model, [[3, 4, 5]], { maxNewTokens: 3 })) tokens.push(token)
  expect(device.memory.liveBytes).toBe(liveBytes)
  const trained = await trainedNumbers(run.model)
  const outcome = { losses, trained, evaluated, tokens, atFirst: atFirst ?? {}, atLast: device.tuning }
  device.dispose()
  return outcome
}

it('chooses before the first step, never during a run, and gives the same bits with the same choices', async () => {
  const heard: TuningProgress[] = []
  const tuned = await train({ tuning: 'on', onTuning: (progress) => heard.push(progress) })
  expect(heard.length).toBeGreaterThan(0)
  expect(tuned.losses).toHaveLength(2)
  expect(tuned.atLast).toMatchObject(tuned.atFirst)
  // Seeds are in force from the start.
  expect(await train({ tuning: tuned.atLast })).toEqual({ ...tuned, atFirst: tuned.atLast })
})
