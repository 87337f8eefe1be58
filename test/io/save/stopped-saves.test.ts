import type * as Files from 'node:fs/promises'
import { readdir } from 'node:fs/promises'
import { afterAll, expect, it, vi } from 'vitest'
import { restoreRun, saveRun } from '../../../src/io/checkpoint-folder.ts'
import type { TrainingOptions } from '../../../src/train/training-options.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import type { FailingFiles } from '../../platform/failing-files.ts'
import { randomExamples, tinyRun, trainedNumbers } from '../../train/tiny-run.ts'
import { temporaryFolder } from '../tiny-files.ts'

const controls = vi.hoisted((): FailingFiles[] => [])
vi.mock('node:fs/promises', async (importOriginal) => {
  const { failingFiles } = await import('../../platform/failing-files.ts')
  const { module, control } = failingFiles(await importOriginal<typeof Files>())
  controls.push(control)
  return { ...module, default: module }
})

const device = await openTestCpu()
afterAll(() => device.dispose())
const options: TrainingOptions = { batchSize: 2, maxSteps: 4, learningRate: 0.01 }
const open = () => tinyRun(device, randomExamples(4), options)

/** The file system of the code under test. */
function control(): FailingFiles {
  const [last] = controls.slice(-1)
  if (last === undefined) throw new Error('the file system is not the test’s')
  return last
}

it.each(['killed', 'full'] as const)('a save that is %s at any call leaves a checkpoint to go on from', async (how) => {
  const { run, model, dispose } = await open()
  const fresh = await open()
  const path = await temporaryFolder()
  const numbers = new Map<number, Float32Array[]>()
  for await (const { step } of run) {
    numbers.set(step, await trainedNumbers(model))
    if (step === 1) await saveRun(run, path)
    if (step === 2) break
  }
  const outcomes: number[] = []
  for (let at = 0; ; at++) {
    control().start(at, how)
    const failure: unknown = await saveRun(run, path).catch((error: unknown) => error)
    const calls = control().stop()
    if (calls <= at) {
      expect(failure).toBeUndefined()
      break
    }
    const left = (await readdir(path)).filter((name) => name.endsWith('.tmp'))
    if (how === 'full') {
      expect(failure).toMatchObject({ code: 'disk' })
      expect(left).toEqual([])
    }
    const { step } = await restoreRun(fresh.run, path)
    outcomes.push(step)
    expect(await trainedNumbers(fresh.model)).toEqual(numbers.get(step))
  }
  // The old one until the new one is there, and never the old one again.
  expect(outcomes).toEqual(outcomes.toSorted((a, b) => a - b))
  expect(new Set(outcomes)).toEqual(new Set([1, 2]))
  expect(outcomes.length).toBeGreaterThan(8)
  expect((await restoreRun(fresh.run, path)).step).toBe(2)
  dispose()
  fresh.dispose()
})
