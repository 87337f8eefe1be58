import { fileURLToPath } from 'node:url'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { fineTune } from '../../../examples/medquad/fine-tune.ts'
import { historyOf } from '../../../examples/medquad/history.ts'
import { Interrupts } from '../../../examples/medquad/interrupts.ts'
import { parseOptions, stepsFor } from '../../../examples/medquad/options.ts'
import { describeChange, Story } from '../../../examples/medquad/story.ts'
import type { Device } from '../../../src/device/device.ts'
import { falconRwConfig } from '../../../src/models/falcon/falcon-config.ts'
import { modelWeights } from '../../../src/models/architectures.ts'
import { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { initialWeights } from '../../../src/models/initial-weights.ts'
import { evaluateLoss } from '../../../src/evaluate/loss.ts'
import type { Example } from '../../../src/models/example.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import type { TrainerOptions } from '../../../src/trainer/trainer-options.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { tempFolder } from './medquad-files.ts'

let device: Device
beforeAll(async () => {
  device = await openTestCpu()
  return () => device.dispose()
})

const inputIds = Int32Array.of(1, 2, 3, 4)
const example: Example = { inputIds, labels: inputIds }
const other: Example = { inputIds: Int32Array.of(9, 8, 7, 6), labels: Int32Array.of(9, 8, 7, 6) }

/** Trains a toy with the recipe's callbacks, and gives what the story said. */
async function tune(options: TrainerOptions, { steps = 30, patience = 0, validation = other } = {}) {
  const config = falconRwConfig({ vocabSize: 32, hiddenSize: 32, numHiddenLayers: 1, numAttentionHeads: 2 })
  const model = new FalconForCausalLM(config, initialWeights(device, modelWeights(config), 0.02, 1))
  const adapter = attachLora(model, { r: 2 }, { device, seed: 0 })
  const story = new Story()
  vi.spyOn(story.line, 'show').mockReturnValue()
  const said: string[] = []
  vi.spyOn(story, 'say').mockImplementation((...texts) => void said.push(texts.join(' ')))
  const examples = Array(4).fill(example) as Example[]
  const interrupts = new Interrupts()
  const tuned = fineTune({ model, examples, validation: [validation], steps, options, patience, story, interrupts })
  return { tuned, said, model, adapter }
}

describe('fineTune', () => {
  it('stops when the loss falls no more, says so, and leaves the weights of the lowest', async () => {
    // What it learns makes the other text ever less likely.
    const { tuned, said, model } = await tune({ learningRate: 0.05 }, { patience: 2 })
    const { trainer, result } = await tuned
    const losses = historyOf(trainer.state).validation.map(({ loss }) => loss)
    const lowest = losses.indexOf(Math.min(...losses))
    expect(losses).toHaveLength(lowest + 3)
    expect(result.best).toMatchObject({ value: losses[lowest], isLoaded: true })
    expect(said).toEqual([`stopped at step ${result.step} of 30: the validation loss falls no more`])
    expect((await evaluateLoss(model, [other])).loss).toBe(losses[lowest])
  })

  it('saves the last whole step on a signal, and ends the program', async () => {
    const left = vi.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Error(`left with ${code ?? 0}`)
    })
    const outputDir = join(await tempFolder(), 'checkpoint')
    let micro = 0
    const { tuned, said } = await tune(
      {
        ...{ batchSize: 1, gradientAccumulationSteps: 4, outputDir, saveSteps: 100 },
        loss: (of, batch, { normalizer }) => {
          if (++micro === 6) process.emit('SIGINT')
          return of.loss(batch, batch.labels, normalizer)
        },
      },
      { steps: 4 },
    )
    await expect(tuned).rejects.toThrow('left with 130')
    left.mockRestore()
    expect(micro).toBe(6)
    expect(said).toEqual(['stopped at step 1 of 4, saved; go on with the same options and --resume'])
    expect((await readdir(outputDir)).filter((name) => name.startsWith('checkpoint'))).toEqual(['checkpoint-1'])
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
