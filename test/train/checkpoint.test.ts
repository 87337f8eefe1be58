import { afterAll, describe, expect, it } from 'vitest'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { checkpointFiles, restoreCheckpoint, saveCheckpoint } from '../../src/train/checkpoint.ts'
import type { TrainingOptions } from '../../src/train/training-options.ts'
import type { TrainingRun } from '../../src/train/training-run.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { testDevices } from '../device/devices.ts'
import { randomExamples, tinyRun, trainedNumbers } from './tiny-run.ts'

const devices = await testDevices()
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
const stateOf = (files: Files) => files.get(checkpointFiles.state) as string
const tensorsOf = (files: Files) =>
  openSafetensors(bytesSource(files.get(checkpointFiles.tensors) as Uint8Array, checkpointFiles.tensors))

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
  it('goes on from a checkpoint bit for bit as if it had not stopped', async () => {
    const through = await tinyRun(device, examples, options)
    const losses = await stepUntil(through.run, 6)
    expect([through.run.steps, losses.length]).toEqual([6, 6])
    const wanted = await trainedNumbers(through.model)
    through.dispose()

    const stopped = await tinyRun(device, examples, options)
    await stepUntil(stopped.run, 4)
    const files = await saveCheckpoint(stopped.run)
    stopped.dispose()

    const resumed = await tinyRun(device, examples, options)
    await restoreCheckpoint(resumed.run, stateOf(files), await tensorsOf(files))
    expect(resumed.run.step).toBe(4)
    expect(await saveCheckpoint(resumed.run)).toEqual(files)
    expect(await stepUntil(resumed.run, 6)).toEqual(losses.slice(4))
    expect(await trainedNumbers(resumed.model)).toEqual(wanted)
    resumed.dispose()

    const smaller = await tinyRun(device, examples, { ...options, gradientCheckpointing: true })
    await restoreCheckpoint(smaller.run, stateOf(files), await tensorsOf(files))
    expect(await stepUntil(smaller.run, 6)).toEqual(losses.slice(4))
    expect(await trainedNumbers(smaller.model)).toEqual(wanted)
    smaller.dispose()
  })
})

describe('restoreCheckpoint refuses', async () => {
  const saved = await tinyRun(cpu, examples, options)
  await stepUntil(saved.run, 1)
  const files = await saveCheckpoint(saved.run)
  saved.dispose()
  const [state, reader] = [stateOf(files), await tensorsOf(files)]

  /** The error, after a look that nothing changed. */
  const refused = async (stateJson: string, tensors = reader, other: Partial<TrainingOptions> = {}, count = 10) => {
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
    return openSafetensors(bytesSource(writeSafetensors(tensors, metadata), checkpointFiles.tensors))
  }

  it('a run with other options', async () => {
    expect(await refused(state, reader, { learningRate: 0.02, seed: 1 })).toMatchObject({
      code: 'config',
      message:
        'restoreCheckpoint: the saved run differs: learningRate was 0.01, is 0.02; seed was 42, is 1; ' +
        'give the same options or start afresh',
    })
    expect(await refused(state, reader, {}, 9)).toMatchObject({
      code: 'config',
      message: 'restoreCheckpoint: the saved run differs: examples was 10, is 9; give the same options or start afresh',
    })
  })

  it.each([
    ['{', 'restoreCheckpoint: trainer_state.json is not JSON'],
    ['null', 'restoreCheckpoint: trainer_state.json lacks step, steps, examples or options'],
    ['{"step":1}', 'restoreCheckpoint: trainer_state.json lacks step, steps, examples or options'],
  ])('the state %s', async (json, message) => {
    expect(await refused(json)).toMatchObject({ code: 'format', message })
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
