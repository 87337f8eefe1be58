import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { emptyHistory, hasStalled } from '../../../examples/medquad/history.ts'
import {
  checkFolder,
  findCheckpoint,
  forgetProgress,
  type Progress,
  restoreProgress,
  saveProgress,
} from '../../../examples/medquad/run-folder.ts'
import { lockFolder } from '../../../examples/medquad/run-lock.ts'
import type { Device } from '../../../src/device/device.ts'
import { falconRwConfig } from '../../../src/models/falcon-config.ts'
import { modelWeights } from '../../../src/models/architectures.ts'
import { FalconForCausalLM } from '../../../src/models/falcon.ts'
import { initialWeights } from '../../../src/models/initial-weights.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { TrainingRun } from '../../../src/train/training-run.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { tempFolder } from './medquad-files.ts'

let device: Device
beforeAll(async () => {
  device = await openTestCpu()
  return () => device.dispose()
})

function newRun(): TrainingRun {
  const config = falconRwConfig({ vocabSize: 32, hiddenSize: 32, numHiddenLayers: 1, numAttentionHeads: 2 })
  const model = new FalconForCausalLM(config, initialWeights(device, modelWeights(config), 0.02, 1))
  attachLora(model, { r: 2 }, { device, seed: 0 })
  const inputIds = Int32Array.of(1, 2, 3, 4)
  return new TrainingRun(model, [{ inputIds, labels: inputIds }], { maxSteps: 4, batchSize: 1, learningRate: 0.01 })
}

async function takeSteps(run: TrainingRun, number: number): Promise<void> {
  for await (const { step } of run) if (step >= number) break
}

const progressAt = (step: number): Progress => ({
  history: { training: [], validation: [{ step, loss: 3 - step }] },
  best: { step, loss: 3 - step, files: new Map([['adapter_config.json', Uint8Array.of(step)]]) },
})

/** A folder with the checkpoints of steps 1 and 2, the older one whole as `checkpoint.old`. */
async function twoCheckpoints(): Promise<{ folder: string; checkpoint: string }> {
  const folder = await tempFolder()
  const checkpoint = join(folder, 'checkpoint')
  const run = newRun()
  await takeSteps(run, 1)
  await saveProgress(run, progressAt(1), checkpoint)
  await cp(checkpoint, join(folder, 'first'), { recursive: true })
  await takeSteps(run, 2)
  await saveProgress(run, progressAt(2), checkpoint)
  return { folder, checkpoint }
}

const restored = async (checkpoint: string) => {
  const warnings: string[] = []
  const run = newRun()
  const progress = await restoreProgress(run, checkpoint, (text) => warnings.push(text))
  return { step: run.step, progress, warnings }
}

describe('a checkpoint', () => {
  it('comes back with history and best adapter, and leaves nothing beside it', async () => {
    const { folder, checkpoint } = await twoCheckpoints()
    expect((await readdir(folder)).sort()).toEqual(['checkpoint', 'first'])
    expect(await restored(checkpoint)).toEqual({ step: 2, progress: progressAt(2), warnings: [] })
    await forgetProgress(checkpoint)
    expect(await readdir(folder)).toEqual(['first'])
  })

  it('is found whole wherever a kill left the replacing of it, and replaced from there', async () => {
    const states: [number, (folder: string, checkpoint: string) => Promise<unknown>][] = [
      // the next one half written
      [2, (_, checkpoint) => mkdir(`${checkpoint}.next`)],
      // the old one renamed, or half removed, before the next took its name
      [2, (_, checkpoint) => rename(checkpoint, `${checkpoint}.next`)],
      [
        2,
        async (folder, checkpoint) => {
          await rename(checkpoint, `${checkpoint}.next`)
          await rename(join(folder, 'first'), `${checkpoint}.old`)
        },
      ],
      [
        2,
        async (_, checkpoint) => {
          await rename(checkpoint, `${checkpoint}.next`)
          await mkdir(checkpoint)
        },
      ],
      // the next one there, the old one half removed
      [2, (_, checkpoint) => mkdir(`${checkpoint}.old`)],
      [
        1,
        async (folder, checkpoint) => {
          await rename(join(folder, 'first'), `${checkpoint}.old`)
          await rm(`${checkpoint}/training_state.safetensors`)
        },
      ],
    ]
    for (const [step, kill] of states) {
      const { folder, checkpoint } = await twoCheckpoints()
      await kill(folder, checkpoint)
      expect((await restored(checkpoint)).step).toBe(step)
      expect(() => checkFolder(checkpoint, false)).toThrow(/ holds a run that has not ended, and would be lost; give /)
      const run = newRun()
      await takeSteps(run, 3)
      await saveProgress(run, progressAt(3), checkpoint)
      expect(findCheckpoint(checkpoint)).toBe(checkpoint)
      expect(await restored(checkpoint)).toEqual({ step: 3, progress: progressAt(3), warnings: [] })
      expect((await readdir(folder)).filter((name) => name !== 'first')).toEqual(['checkpoint'])
    }
  })

  it.each([
    ['history.json', '{"training": [{"step', /history\.json is torn or missing \(.*\): reports begin at step 2$/],
    ['history.json', '[]', /history\.json is torn or missing \(it is no history\): reports begin at step 2$/],
    ['best/validation.json', '{}', /best cannot be read \(it does not say its loss\): the best adapter is looked for/],
  ])('goes on where %s is torn, and says so', async (name, content, warning) => {
    const { checkpoint } = await twoCheckpoints()
    await writeFile(join(checkpoint, name), content)
    const { step, progress, warnings } = await restored(checkpoint)
    expect(step).toBe(2)
    expect(warnings).toEqual([expect.stringMatching(warning) as string])
    if (name === 'history.json') expect(progress).toEqual({ history: emptyHistory(), best: progressAt(2).best })
    else expect(progress).toEqual({ history: progressAt(2).history, best: null })
    await rm(join(checkpoint, name))
    expect((await restored(checkpoint)).warnings.length).toBe(1)
  })

  it('is not in the way where there is none', async () => {
    const folder = await tempFolder()
    expect(() => checkFolder(join(folder, 'checkpoint'), false)).not.toThrow()
    await mkdir(join(folder, 'checkpoint'))
    expect(() => checkFolder(join(folder, 'checkpoint'), false)).not.toThrow()
  })
})

describe('lockFolder', () => {
  it('refuses a folder that a living process has, and takes over from a dead one', async () => {
    const folder = await tempFolder()
    const lock = join(folder, 'run.lock')
    await writeFile(lock, `${process.ppid} on ${hostname()}\n`)
    await expect(lockFolder(folder)).rejects.toThrow(
      `${folder} is in use by process ${process.ppid} on ${hostname()}; wait for it, or give another --out`,
    )
    for (const stale of [`999999999 on ${hostname()}\n`, '', 'torn']) {
      await writeFile(lock, stale)
      await lockFolder(folder)
      expect(await readFile(lock, 'utf8')).toBe(`${process.pid} on ${hostname()}\n`)
    }
    await writeFile(lock, '7 on another-machine\n')
    await expect(lockFolder(folder)).rejects.toThrow('is in use by process 7 on another-machine')
  })

  it('says what keeps it from the folder', async () => {
    const folder = await tempFolder()
    await writeFile(join(folder, 'file'), '')
    await expect(lockFolder(join(folder, 'file'))).rejects.toThrow(/file cannot be used: /)
  })
})

describe('hasStalled', () => {
  const at = (...losses: number[]) => losses.map((loss, step) => ({ step, loss }))

  it('waits for as many validations without a fall as it has patience', () => {
    expect(hasStalled(at(3, 2, 2.5, 2.4), 3)).toBe(false)
    expect(hasStalled(at(3, 2, 2.5, 2.4, 2), 3)).toBe(true)
    expect(hasStalled(at(3, 2, 2.5, 2.4, 1.9), 3)).toBe(false)
    expect(hasStalled(at(1, 2, 3), 2)).toBe(true)
    expect(hasStalled(at(1, 2, 3, 4, 5), 0)).toBe(false)
    expect(hasStalled([], 1)).toBe(false)
  })
})
