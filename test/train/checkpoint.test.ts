import { afterAll, describe, expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { Random } from '../../src/core/random.ts'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { checkpointFileNames, restoreCheckpoint, checkpointFiles } from '../../src/train/checkpoint.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import type { TrainingRun } from '../../src/train/training-run.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { testEngines } from '../device/devices.ts'
import { randomExamples, tinyRun, trainedNumbers } from './tiny-run.ts'

const devices = await testEngines()
const cpu = await openTestCpu()
afterAll(() => [cpu, ...devices].forEach((device) => device.dispose()))
const examples = randomExamples(10)
const options: TrainingOptions = {
  batchSize: 2,
  gradientAccumulationSteps: 2,
  epochs: 2,
  learningRate: 0.01,
  schedule: 'cosine',
  warmup: 2,
  weightDecay: 0.01,
  groupByLength: true,
}

type Files = ReadonlyMap<string, Uint8Array | string>
const stateOf = (files: Files) => files.get(checkpointFileNames.state) as string
const tensorsOf = (files: Files) =>
  openSafetensors(bytesSource(files.get(checkpointFileNames.tensors) as Uint8Array, checkpointFileNames.tensors))

async function stepUntil(run: TrainingRun, last: number): Promise<number[]> {
  const losses: number[] = []
  if (run.step < last) {
    for await (const { step, loss } of run) {
      losses.push(loss)
      if (step === last) break
    }
  }
  return losses
}

describe.each(devices)('a run on $description', (device) => {
  it.each(['adamw', 'lion', 'sgd', { type: 'sgd', momentum: 0.9 }, 'muon', { type: 'adamw_8bit', min8bitSize: 99 }])(
    'goes on from a checkpoint bit for bit as if it had not stopped: %o',
    async (optimizer) => {
      const through = await tinyRun(device, examples, { ...options, optimizer })
      const losses = await stepUntil(through.run, 6)
      expect([through.run.steps, losses.length]).toEqual([6, 6])
      const wanted = await trainedNumbers(through.model)
      through.dispose()

      const stopped = await tinyRun(device, examples, { ...options, optimizer })
      await stepUntil(stopped.run, 4)
      const files = await checkpointFiles(stopped.run)
      stopped.dispose()

      const resumed = await tinyRun(device, examples, { ...options, optimizer })
      await restoreCheckpoint(resumed.run, stateOf(files), await tensorsOf(files))
      expect(resumed.run.step).toBe(4)
      expect(await checkpointFiles(resumed.run)).toEqual(files)
      expect(await stepUntil(resumed.run, 6)).toEqual(losses.slice(4))
      expect(await trainedNumbers(resumed.model)).toEqual(wanted)
      resumed.dispose()

      const smaller = await tinyRun(device, examples, { ...options, optimizer, gradientCheckpointing: true })
      await restoreCheckpoint(smaller.run, stateOf(files), await tensorsOf(files))
      expect(await stepUntil(smaller.run, 6)).toEqual(losses.slice(4))
      expect(await trainedNumbers(smaller.model)).toEqual(wanted)
      smaller.dispose()
    },
  )
})

describe('restoreCheckpoint', () => {
  it('goes on at the rate that evaluations have led to', async () => {
    const plateau = { type: 'reduce_lr_on_plateau', patience: 0, factor: 0.5 }
    const open = () => tinyRun(cpu, examples, { ...options, warmup: 0, schedule: plateau })
    const ratesOf = async (run: TrainingRun, until: number, metrics: readonly number[]) => {
      const rates: number[] = []
      for await (const { step, learningRate } of run) {
        rates.push(learningRate)
        run.observe(metrics[step - 1] ?? NaN)
        if (step === until) break
      }
      return rates
    }
    const metrics = [3, 2, 2, 2.5, 1, 1]
    const through = await open()
    expect(await ratesOf(through.run, 6, metrics)).toEqual([0.01, 0.01, 0.01, 0.005, 0.0025, 0.0025])
    const wanted = await trainedNumbers(through.model)
    through.dispose()
    const stopped = await open()
    await ratesOf(stopped.run, 4, metrics)
    const files = await checkpointFiles(stopped.run)
    stopped.dispose()
    const resumed = await open()
    await restoreCheckpoint(resumed.run, stateOf(files), await tensorsOf(files))
    expect(await checkpointFiles(resumed.run)).toEqual(files)
    expect(await ratesOf(resumed.run, 6, metrics)).toEqual([0.0025, 0.0025])
    expect(await trainedNumbers(resumed.model)).toEqual(wanted)
    expect(() => {
      resumed.run.observe(NaN)
    }).toThrow('TrainingRun: metric must be a number, got NaN')
    resumed.dispose()
  })

  it('goes by the tensors where the state beside is of another step or lost, as after a kill between two renames', async () => {
    const { run, dispose } = await tinyRun(cpu, examples, options)
    await stepUntil(run, 1)
    const before = await checkpointFiles(run)
    await stepUntil(run, 2)
    const after = await checkpointFiles(run)
    for (const beside of [stateOf(before), null]) {
      const fresh = await tinyRun(cpu, examples, options)
      const { step, differences } = await restoreCheckpoint(fresh.run, beside, await tensorsOf(after))
      expect([step, differences]).toEqual([2, []])
      expect(await checkpointFiles(fresh.run)).toEqual(after)
      fresh.dispose()
    }
    dispose()
  })

  it('opens a checkpoint of an earlier version, and says what it cannot check', async () => {
    const { run, dispose } = await tinyRun(cpu, examples, options)
    await stepUntil(run, 1)
    const files = await checkpointFiles(run)
    const reader = await tensorsOf(files)
    const { identity: _, checksums: __, ...old } = JSON.parse(stateOf(files)) as Record<string, unknown>
    const tensors = await Promise.all(
      reader.names.map(async (name) => {
        return { name, dtype: 'F32' as const, shape: reader.info(name).shape, data: await reader.readF32(name) }
      }),
    )
    const bytes = writeSafetensors(tensors, { format: 'pt', step: '1' })
    const fresh = await tinyRun(cpu, examples, options)
    const oldReader = await openSafetensors(bytesSource(bytes, checkpointFileNames.tensors))
    const { differences } = await restoreCheckpoint(fresh.run, JSON.stringify(old), oldReader)
    expect(differences).toEqual([{ name: 'checksums', was: 'none', is: 'one a tensor', changes: 'unknown' }])
    expect(await checkpointFiles(fresh.run)).toEqual(files)
    fresh.dispose()
    dispose()
  })

  it('and checkpointFiles refuse what is none of theirs', async () => {
    const { run, model, dispose } = await tinyRun(cpu, examples, options)
    const files = await checkpointFiles(run)
    const reader = await tensorsOf(files)
    const wrong = (given: unknown) => given as never
    await expect(checkpointFiles(wrong(model))).rejects.toThrow(
      'checkpointFiles: run must be a TrainingRun, got a Falcon',
    )
    const refused = async (message: string, ...given: unknown[]) => {
      const [to, state, tensors] = given
      await expect(restoreCheckpoint(wrong(to), wrong(state), wrong(tensors))).rejects.toMatchObject({
        code: 'config',
        message: expect.stringContaining(`restoreCheckpoint: ${message}`) as string,
      })
    }
    await refused('run must be a TrainingRun, got null', null, stateOf(files), reader)
    await refused('stateJson must be the text of a file or null, got undefined', run, undefined, reader)
    await refused('reader must be a reader, such as openSafetensors gives, got {}', run, stateOf(files), {})
    dispose()
  })

  it('refuses to while the run is iterated', async () => {
    const { run, dispose } = await tinyRun(cpu, examples, options)
    for await (const { step } of run) {
      const files = await checkpointFiles(run)
      await expect(restoreCheckpoint(run, stateOf(files), await tensorsOf(files))).rejects.toMatchObject({
        code: 'config',
        message: 'restoreCheckpoint: the run is being iterated; leave its loop first',
      })
      if (step === 2) break
    }
    dispose()
  })
})

describe('restoreCheckpoint refuses', async () => {
  const saved = await tinyRun(cpu, examples, options)
  await stepUntil(saved.run, 1)
  const files = await checkpointFiles(saved.run)
  saved.dispose()
  const [state, reader] = [stateOf(files), await tensorsOf(files)]

  /** The error, after a look that nothing changed. */
  const refused = async (
    stateJson: string | null,
    tensors = reader,
    other: Partial<TrainingOptions> = {},
    count = 10,
  ) => {
    const { run, model, dispose } = await tinyRun(cpu, examples.slice(0, count), { ...options, ...other })
    const before = await trainedNumbers(model)
    const error = await restoreCheckpoint(run, stateJson, tensors).catch((cause: unknown) => cause)
    expect(await trainedNumbers(model)).toEqual(before)
    expect(run.step).toBe(0)
    dispose()
    return error
  }
  const rewritten = async (
    change: (name: string) => string | null,
    metadata: Readonly<Record<string, string>> = { step: '1' },
  ) => {
    const tensors = []
    for (const name of reader.names) {
      const renamed = change(name)
      if (renamed !== null) {
        tensors.push({
          name: renamed,
          dtype: 'F32' as const,
          shape: reader.info(name).shape,
          data: await reader.readF32(name),
        })
      }
    }
    return openSafetensors(bytesSource(writeSafetensors(tensors, metadata), checkpointFileNames.tensors))
  }

  it('a run with other options', async () => {
    expect(await refused(state, reader, { learningRate: 0.02, seed: 1 })).toMatchObject({
      code: 'config',
      message:
        'restoreCheckpoint: the saved run differs: learningRate was 0.01, is 0.02; seed was 42, is 1; give the same options ' +
        "or start afresh, or go on with them knowingly by acceptDifferences: ['learningRate', 'seed']",
    })
    expect(await refused(state, reader, {}, 9)).toMatchObject({
      code: 'config',
      message: expect.stringContaining('the saved run differs: examples was 10, is 9; give') as string,
    })
  })

  it.each([
    ['{', /^restoreCheckpoint: trainer_state\.json: not valid JSON: /],
    ['', /^restoreCheckpoint: trainer_state\.json: not valid JSON: /],
    ['null', /^restoreCheckpoint: trainer_state\.json: must be a JSON object/],
    ['{"step":1}', /^restoreCheckpoint: trainer_state\.json lacks step, steps, examples or options/],
    [state.slice(0, -40), /^restoreCheckpoint: trainer_state\.json: not valid JSON: /],
    [state.replace('"step": 1', '"step": -1'), /^restoreCheckpoint: trainer_state\.json lacks step, /],
    [state.replace('"engine"', '"motor"'), /^restoreCheckpoint: trainer_state\.json: identity is torn/],
    [state.replace(/"checksums": \{[^}]*\}/, '"checksums": 3'), /^restoreCheckpoint: .*: checksums must be an object/],
  ])('the torn state %.20s', async (json, message) => {
    const before = await rewritten((name) => name)
    const error = await refused(json, before)
    expect(error).toMatchObject({ code: 'format', message: expect.stringMatching(message) as string })
    expect(await refused(json)).toMatchObject({
      code: 'format',
      message: `${(error as Error).message}; remove it, training_state.safetensors holds the state too`,
    })
  })

  it('a state that is not there, unless the tensors have it', async () => {
    expect(await refused(null, await rewritten((name) => name))).toMatchObject({
      code: 'not-found',
      message:
        'restoreCheckpoint: there is no trainer_state.json, and training_state.safetensors of an earlier version holds no state',
    })
  })

  it('every flipped bit, in tensors and in the state among them', async () => {
    const bytes = files.get(checkpointFileNames.tensors) as Uint8Array
    const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
    const random = new Random(9)
    const places = Array.from({ length: 60 }, (_, i) =>
      i < 15 ? 8 + headerLength - 1 - i * 9 : 8 + random.below(bytes.length - 8),
    )
    const { run, model, dispose } = await tinyRun(cpu, examples, options)
    const before = await trainedNumbers(model)
    for (const place of places) {
      const flipped = bytes.slice()
      flipped[place] = (flipped[place] ?? 0) ^ (1 << random.below(8))
      const restoring = openSafetensors(bytesSource(flipped, checkpointFileNames.tensors)).then((tensors) =>
        restoreCheckpoint(run, null, tensors),
      )
      await expect(restoring, `a bit of byte ${place}`).rejects.toBeInstanceOf(MedAwareError)
      if (place < 8 + headerLength) continue
      await expect(restoring).rejects.toMatchObject({
        code: 'format',
        message: expect.stringMatching(
          /^restoreCheckpoint: (parameter|m|v)\.\S+ in training_state\.safetensors is damaged, its checksum is not the saved one; use an older checkpoint$/,
        ) as string,
      })
    }
    expect(await trainedNumbers(model)).toEqual(before)
    expect(run.step).toBe(0)
    dispose()
  })

  it('files of two different steps', async () => {
    expect(await refused(state, await rewritten((name) => name, { step: '3' }))).toMatchObject({
      code: 'format',
      message:
        'restoreCheckpoint: trainer_state.json is of step 1, training_state.safetensors of step 3; use an older checkpoint',
    })
  })

  it('tensors that are missing, misshapen or not trained here', async () => {
    const b = 'parameter.transformer.h.1.self_attention.query_key_value.lora_B.weight'
    const a = b.replace('lora_B', 'lora_A')
    expect(reader.names).toContain(b)
    expect(await refused(state, await rewritten((name) => (name === b ? null : name)))).toMatchObject({
      code: 'not-found',
      message: `training_state.safetensors: no tensor "${b}" among its 11`,
    })
    expect(await refused(state, await rewritten((name) => (name === b ? a : name === a ? b : name)))).toMatchObject({
      code: 'format',
      message: `restoreCheckpoint: ${a} is [96,4], not [4,32]`,
    })
    expect(await refused(state, await rewritten((name) => (name === b ? 'parameter.x' : name)))).toMatchObject({
      code: 'format',
      message: 'restoreCheckpoint: this run does not train parameter.x; attach the adapter that was saved',
    })
  })
})
