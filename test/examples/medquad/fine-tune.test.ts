import { fileURLToPath } from 'node:url'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { fineTune } from '../../../examples/medquad/fine-tune.ts'
import { emptyHistory } from '../../../examples/medquad/history.ts'
import { Interrupts } from '../../../examples/medquad/interrupts.ts'
import { parseOptions, stepsFor } from '../../../examples/medquad/options.ts'
import type { Progress } from '../../../examples/medquad/run-folder.ts'
import { describeChange, Story } from '../../../examples/medquad/story.ts'
import type { Device } from '../../../src/device/device.ts'
import { falconRwConfig } from '../../../src/models/falcon-config.ts'
import { modelWeights } from '../../../src/models/architectures.ts'
import { FalconForCausalLM } from '../../../src/models/falcon.ts'
import { initialWeights } from '../../../src/models/initial-weights.ts'
import { adapterFiles } from '../../../src/peft/files/adapter-files.ts'
import type { Example } from '../../../src/models/example.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { TrainingRun } from '../../../src/train/training-run.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { tempFolder } from './medquad-files.ts'

let device: Device
beforeAll(async () => {
  device = await openTestCpu()
  return () => device.dispose()
})

/** Trains a toy whose validation losses are these, one after each step; the last goes on. */
async function tune(losses: readonly number[], patience: number, { steps = 8, checkpoint = '' } = {}) {
  const config = falconRwConfig({ vocabSize: 32, hiddenSize: 32, numHiddenLayers: 1, numAttentionHeads: 2 })
  const model = new FalconForCausalLM(config, initialWeights(device, modelWeights(config), 0.02, 1))
  const adapter = attachLora(model, { r: 2 }, { device, seed: 0 })
  const inputIds = Int32Array.of(1, 2, 3, 4)
  const run = new TrainingRun(model, [{ inputIds, labels: inputIds }], { maxSteps: steps, learningRate: 0.01 })
  const seen: { step: number; weights: Uint8Array | undefined }[] = []
  const validate = async () => {
    seen.push({ step: run.step, weights: (await adapterFiles(adapter)).get('adapter_model.safetensors') })
    return losses[seen.length - 1] ?? losses.at(-1) ?? 0
  }
  const story = new Story()
  vi.spyOn(story.line, 'show').mockReturnValue()
  const said: string[] = []
  vi.spyOn(story, 'say').mockImplementation((...texts) => void said.push(texts.join(' ')))
  const progress: Progress = { history: emptyHistory(), best: null }
  const folder = checkpoint === '' ? join(await tempFolder(), 'checkpoint') : checkpoint
  const adapterFolder = join(await tempFolder(), 'adapter')
  const interrupts = new Interrupts()
  const best = await fineTune(run, {
    adapter,
    progress,
    validate,
    patience,
    checkpoint: folder,
    folder: adapterFolder,
    saveSteps: 2,
    story,
    interrupts,
  })
  const kept = new Uint8Array(await readFile(join(adapterFolder, 'adapter_model.safetensors')))
  expect(kept).toEqual(best.files.get('adapter_model.safetensors'))
  return { best, seen, said, progress, run, folder }
}

describe('fineTune', () => {
  it('gives the adapter of the lowest validation loss, not the last', async () => {
    const { best, seen, progress, run } = await tune([3, 2.5, 2, 2.2, 2.1, 2.4, 2.3, 2.2, 2.6], 0)
    expect([run.step, best.step, best.loss]).toEqual([8, 2, 2])
    expect(best.files.get('adapter_model.safetensors')).toEqual(seen[2]?.weights)
    expect(best.files.get('adapter_model.safetensors')).not.toEqual(seen.at(-1)?.weights)
    expect(progress.history.validation.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('stops when the loss falls no more, and says so', async () => {
    const { best, said, run, folder } = await tune([3, 2.5, 2.6, 2.5], 2)
    expect([run.step, best.step]).toEqual([3, 1])
    expect(said).toEqual(['stopped at step 3 of 8: the validation loss falls no more'])
    expect(await readdir(folder)).toContain('best')
  })

  it('keeps the base itself where training only makes it worse', async () => {
    const { best } = await tune([1, 2], 3)
    expect(best.step).toBe(0)
  })

  it('goes on when a checkpoint cannot be written, and says so', async () => {
    const folder = await tempFolder()
    await writeFile(join(folder, 'full'), '')
    const { best, said, run } = await tune([3, 2, 1], 0, { steps: 4, checkpoint: join(folder, 'full/checkpoint') })
    expect([run.step, best.step]).toEqual([4, 2])
    expect(said).toHaveLength(2)
    for (const [i, warning] of said.entries()) expect(warning).toMatch(`WARNING step ${2 * i + 2} could not be saved: `)
  })
})

describe('a signal while fineTune trains', () => {
  it('saves the last whole step, of however many micro-batches the next has, and ends the program', async () => {
    const config = falconRwConfig({ vocabSize: 32, hiddenSize: 32, numHiddenLayers: 1, numAttentionHeads: 2 })
    const model = new FalconForCausalLM(config, initialWeights(device, modelWeights(config), 0.02, 1))
    const adapter = attachLora(model, { r: 2 }, { device, seed: 0 })
    const inputIds = Int32Array.of(1, 2, 3, 4)
    const options = { maxSteps: 4, batchSize: 1, gradientAccumulationSteps: 4 }
    let micro = 0
    const run = new TrainingRun(model, Array(4).fill({ inputIds, labels: inputIds }) as Example[], {
      ...options,
      loss: (of, batch, { normalizer }) => {
        if (++micro === 6) process.emit('SIGINT')
        return of.loss(batch, batch.labels, normalizer)
      },
    })
    const story = new Story()
    vi.spyOn(story.line, 'show').mockReturnValue()
    const said: string[] = []
    vi.spyOn(story, 'say').mockImplementation((...texts) => void said.push(texts.join(' ')))
    const left = vi.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Error(`left with ${code ?? 0}`)
    })
    const folder = join(await tempFolder(), 'checkpoint')
    const tuning = fineTune(run, {
      adapter,
      progress: { history: emptyHistory(), best: null },
      validate: () => Promise.resolve(3),
      patience: 0,
      checkpoint: folder,
      folder: join(await tempFolder(), 'adapter'),
      saveSteps: 100,
      story,
      interrupts: new Interrupts(),
    })
    await expect(tuning).rejects.toThrow('left with 130')
    left.mockRestore()
    expect(micro).toBe(6)
    expect(said).toEqual(['stopped at step 1 of 4, saved; go on with the same options and --resume'])
    const state = JSON.parse(await readFile(join(folder, 'trainer_state.json'), 'utf8')) as { step: number }
    expect(state.step).toBe(1)
  })
})

describe('what the recipe says and does by itself', () => {
  it('has words for a loss that are true for either sign', () => {
    expect(describeChange(3, 2.75)).toBe('0.2500 lower: better')
    expect(describeChange(3.6462, 4.2118)).toBe('0.5656 higher: worse than before')
    expect(describeChange(3, 3.00001)).toBe('as before')
  })

  it('adapts what it is told to', () => {
    const paper = { peftType: 'LORA', r: 16, loraAlpha: 32, loraDropout: 0.05, targetModules: ['query_key_value'] }
    expect(parseOptions([]).adapter).toEqual(paper)
    expect(parseOptions(['--targets', 'all-linear']).adapter['targetModules']).toBe('all-linear')
    const two = parseOptions(['--targets', 'query_key_value, dense']).adapter
    expect(two['targetModules']).toEqual(['query_key_value', 'dense'])
  })

  it('takes another method, in the words of the library or of PEFT, from JSON or from its file', () => {
    const choice = (given: string, ...more: string[]) => parseOptions(['--adapter', given, ...more]).adapter
    expect(choice('{"peftType": "IA3"}')).toEqual({ peftType: 'IA3' })
    expect(choice('{"peft_type": "LORA", "use_rslora": true}', '--targets', 'dense')).toEqual({
      ...{ peftType: 'LORA', useRslora: true, targetModules: ['dense'] },
    })
    const file = fileURLToPath(
      new URL('../../fixtures/tiny-falcon-rw/adapters/ia3/adapter_config.json', import.meta.url),
    )
    expect(choice(file)).toMatchObject({ peftType: 'IA3', feedforwardModules: ['dense_4h_to_h'] })
    expect(choice(file)).not.toHaveProperty('peftVersion')
    for (const bad of ['nowhere.json', '[]', '{"peft_type": 3}']) {
      expect(() => choice(bad), bad).toThrow('--adapter')
    }
  })

  it('makes at most ten passes over small data, and what it was told to', () => {
    const steps = (examples: number, ...flags: string[]) => stepsFor(examples, parseOptions(flags))
    expect(steps(15_000)).toBe(600)
    expect(steps(51)).toBe(40)
    expect(steps(51, '--batch', '1', '--accumulate', '1')).toBe(510)
    expect(steps(51, '--epochs', '3')).toBe(12)
    expect(steps(51, '--epochs', '0.1')).toBe(1)
    expect(steps(51, '--steps', '7', '--epochs', '3')).toBe(7)
  })
})
