import { afterAll, describe, expect, it } from 'vitest'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../src/device/device.ts'
import type { Example } from '../../src/models/example.ts'
import { attachLora } from '../../src/peft/attach.ts'
import type { LoraConfig } from '../../src/peft/lora/lora-config.ts'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import {
  checkpointFileNames,
  restoreCheckpoint,
  type RestoreOptions,
  checkpointFiles,
} from '../../src/train/checkpoint.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { tinyFalcon } from '../peft/tiny-falcon.ts'
import { randomExamples } from './tiny-run.ts'

const cpu = await openTestCpu()
afterAll(() => cpu.dispose())
const examples = randomExamples(4)

interface Made {
  readonly device?: Device
  readonly rows?: readonly Example[]
  readonly lora?: Partial<LoraConfig>
  readonly weights?: 'f32' | 'f16' | 'int8' | 'nf4'
  readonly options?: TrainingOptions
  readonly touch?: (model: Awaited<ReturnType<typeof tinyFalcon>>) => void
}

async function runOf({ device = cpu, rows = examples, lora, weights = 'f32', options, touch }: Made = {}) {
  const model = await tinyFalcon(device, weights)
  touch?.(model)
  attachLora(model, { r: 4, loraAlpha: 8, loraDropout: 0.1, ...lora }, { device, seed: 5 })
  return new TrainingRun(model, rows, { batchSize: 2, maxSteps: 4, learningRate: 0.01, ...options })
}

async function savedBy(made: Made = {}): Promise<ReadonlyMap<string, Uint8Array | string>> {
  const run = await runOf(made)
  for await (const { step } of run) if (step === 1) break
  const files = await checkpointFiles(run)
  run.model.dispose()
  return files
}

async function restored(files: ReadonlyMap<string, Uint8Array | string>, made: Made, options?: RestoreOptions) {
  const run = await runOf(made)
  const { state, tensors } = checkpointFileNames
  const reader = await openSafetensors(bytesSource(files.get(tensors) as Uint8Array, tensors))
  try {
    return await restoreCheckpoint(run, files.get(state) as string, reader, options)
  } finally {
    run.dispose()
    run.model.dispose()
  }
}

const files = await savedBy()
const otherRow = (row: Example, i: number): Example => {
  return i === 3 ? { ...row, labels: row.labels.map((label, at) => (at === 2 ? -100 : label)) } : row
}

describe('a run that goes on from a checkpoint', () => {
  it.each<[string, Made, string, string]>([
    [
      'alpha',
      { lora: { loraAlpha: 800 } },
      'adapter',
      'adapter was r 4, scaling 2, dropout 0.1, is r 4, scaling 200, dropout 0.1 (',
    ],
    [
      'dropout',
      { lora: { loraDropout: 0.2 } },
      'adapter',
      'adapter was r 4, scaling 2, dropout 0.1, is r 4, scaling 2, dropout 0.2 (',
    ],
    ['a 4-bit base', { weights: 'nf4' }, 'base', 'base was 27 in f32, is 19 in f32, 8 in nf4 by 64 (double)'],
    ['an int8 base', { weights: 'int8' }, 'base', 'base was 27 in f32, is 19 in f32, 8 in int8'],
    [
      'other weights',
      {
        touch: (model) =>
          [...model.namedWeights()].forEach(
            ([, w]) => 'dtype' in w && w.shape.length === 1 && w.write(new Float32Array(w.count).fill(0.5)),
          ),
      },
      'base',
      'base was weights of hash ',
    ],
    ['other data of the same count', { rows: randomExamples(8).slice(4) }, 'examples', 'examples was of hash '],
    ['one label of all', { rows: examples.map(otherRow) }, 'examples', 'examples was of hash '],
    ['another order of the data', { rows: examples.toReversed() }, 'examples', 'examples was of hash '],
    ['a learning rate', { options: { learningRate: 0.1 } }, 'learningRate', 'learningRate was 0.01, is 0.1'],
    ['a schedule', { options: { schedule: 'cosine' } }, 'schedule', 'schedule was "linear", is "cosine"'],
    ['steps', { options: { maxSteps: 5 } }, 'steps', 'steps was 4, is 5'],
  ])('is told of %s, and can accept it', async (_, made, name, words) => {
    const refusal = restored(files, made)
    await expect(refusal).rejects.toMatchObject({ code: 'config' })
    await expect(refusal).rejects.toThrow(`restoreCheckpoint: the saved run differs: ${words}`)
    await expect(refusal).rejects.toThrow(`knowingly by acceptDifferences: ['${name}']`)
    const { step, differences } = await restored(files, made, { acceptDifferences: [name] })
    expect(step).toBe(1)
    expect(new Set(differences.map((each) => [each.name, each.changes].join()))).toEqual(new Set([`${name},result`]))
  })

  it('is told of everything at once', async () => {
    const made: Made = {
      ...{ weights: 'nf4', rows: examples.toReversed(), lora: { loraAlpha: 800 } },
      options: { learningRate: 1e-3, seed: 7 },
    }
    await expect(restored(files, made)).rejects.toThrow(
      /learningRate was .*; seed was 42, is 7; examples was .*; adapter was .*; base was .* acceptDifferences: \['learningRate', 'seed', 'examples', 'adapter', 'base'\]$/,
    )
    await expect(restored(files, made, { acceptDifferences: ['learningRate', 'seed', 'examples'] })).rejects.toThrow(
      /differs: adapter was .*; base was /,
    )
  })

  it('hears of another build of the engine, and goes on; the number of threads is none of its business', async () => {
    const [simd, relaxed, more] = [
      await openCpuDevice({ build: 'simd', threads: 1 }),
      await openCpuDevice({ build: 'relaxed', threads: 1 }),
      await openCpuDevice({ build: 'simd', threads: 3 }),
    ]
    const saved = await savedBy({ device: simd, weights: 'nf4' })
    const { differences } = await restored(saved, { device: relaxed, weights: 'nf4' })
    expect(differences).toEqual([
      {
        ...{ name: 'engine', was: 'CPU engine (WebAssembly, SIMD)', is: 'CPU engine (WebAssembly, relaxed SIMD)' },
        changes: 'rounding',
      },
    ])
    expect((await restored(saved, { device: more, weights: 'nf4' })).differences).toEqual([])
    for (const device of [simd, relaxed, more]) device.dispose()
  })

  it('is refused the state of another optimizer, whatever is accepted, and other settings of the same', async () => {
    const made: Made = { options: { optimizer: 'lion' } }
    const message =
      'restoreCheckpoint: the saved run is trained by "adamw", this one by "lion", and the state of one is none of the ' +
      'other\'s; give { optimizer: "adamw" }, or start afresh'
    await expect(restored(files, made)).rejects.toMatchObject({ code: 'config', message })
    await expect(restored(files, made, { acceptDifferences: ['weightDecay'] })).rejects.toThrow(message)
    const lion = await savedBy(made)
    expect((await restored(lion, { options: { optimizer: { type: 'lion_32bit', weightDecay: 0 } } })).step).toBe(1)
    const decaying: Made = { options: { optimizer: 'lion', weightDecay: 0.1 } }
    await expect(restored(lion, decaying)).rejects.toThrow('differs: weightDecay was 0, is 0.1; ')
    const { differences } = await restored(lion, decaying, { acceptDifferences: ['weightDecay'] })
    expect(differences).toEqual([{ name: 'weightDecay', was: '0', is: '0.1', changes: 'result' }])
  })

  it('knows a schedule that is a function by what it gives', async () => {
    const saved = await savedBy({ options: { schedule: (step, steps) => 1 - step / steps } })
    const same: Made = { options: { schedule: (at, of) => (of - at) / of } }
    expect((await restored(saved, same)).differences).toEqual([])
    const other: Made = { options: { schedule: () => 1 } }
    await expect(restored(saved, other)).rejects.toThrow(/differs: schedule was "function [0-9a-f]{8}", is "function /)
  })

  it('takes the settings of AdamW from where earlier versions kept them', async () => {
    const reader = await openSafetensors(bytesSource(files.get(checkpointFileNames.tensors) as Uint8Array, 'saved'))
    const { options, ...rest } = JSON.parse(files.get(checkpointFileNames.state) as string) as Record<string, unknown>
    const { optimizer, ...others } = options as Record<string, unknown> & { optimizer: Record<string, unknown> }
    const { type: _, ...settings } = optimizer
    const state = JSON.stringify({ ...rest, options: { ...others, ...settings } })
    const tensors = await Promise.all(
      reader.names.map(async (name) => {
        return { name, dtype: 'F32' as const, shape: reader.info(name).shape, data: await reader.readF32(name) }
      }),
    )
    const old = new Map<string, Uint8Array | string>([
      [checkpointFileNames.tensors, writeSafetensors(tensors, { step: '1' })],
      [checkpointFileNames.state, state],
    ])
    expect((await restored(old, {})).differences).toEqual([])
    const decaying = restored(old, { options: { weightDecay: 0.1 } })
    await expect(decaying).rejects.toThrow('differs: weightDecay was 0, is 0.1; ')
  })

  it('may report and use its memory otherwise', async () => {
    const made: Made = { options: { loggingSteps: 2, gradientCheckpointing: true } }
    expect((await restored(files, made)).differences).toEqual([])
  })

  it('refuses a misspelt difference, and leaves no byte behind', async () => {
    const before = cpu.memory.liveBytes
    await expect(restored(files, {}, { acceptDifferences: ['alpha'] })).rejects.toThrow(
      /^restoreCheckpoint: acceptDifferences: item 0 must be .*'adapter', 'base'.*, got "alpha"$/,
    )
    await expect(restored(files, {}, { accept: ['base'] } as RestoreOptions)).rejects.toThrow(
      'restoreCheckpoint: there is no option "accept"',
    )
    expect(cpu.memory.liveBytes).toBe(before)
  })
})
