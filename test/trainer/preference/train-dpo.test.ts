import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { preparePreferences } from '../../../src/data/preference/prepare-preferences.ts'
import { openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../../src/device/device.ts'
import { adaptersOf } from '../../../src/peft/several/several-adapters.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import type { StepReport } from '../../../src/train/step-report.ts'
import { collatePairs } from '../../../src/trainer/preference/pair-examples.ts'
import { type PreferenceDataset, trainDpo, type TrainDpoOptions } from '../../../src/trainer/preference/train-dpo.ts'
import { tinyFalcon } from '../../peft/tiny-falcon.ts'
import { randomExamples, told, trainedNumbers } from '../../train/tiny-run.ts'
import { endedTokenizer as tokenizer } from '../letter-tokenizer.ts'

const rows = Array.from({ length: 9 }, (_, i) => ({
  prompt: `is ${i} so?`,
  chosen: ' it is'.repeat(1 + (i % 2)),
  rejected: ' no '.repeat(1 + (i % 3)),
}))
const evalDataset = rows.slice(0, 5)
const peftConfig = { peftType: 'LORA', r: 4, loraDropout: 0.3 }
const base: TrainDpoOptions = { tokenizer, peftConfig, maxSteps: 8, batchSize: 2, learningRate: 0.02, seed: 3 }
let device: Device
let folder: string

beforeAll(async () => {
  device = await openCpuDevice()
  folder = await mkdtemp(join(tmpdir(), 'train-dpo-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

/** Trains a fresh tiny model. */
async function trained(given: TrainDpoOptions, data: PreferenceDataset = rows) {
  const model = await tinyFalcon(device)
  const reports: StepReport[] = []
  const watch = { name: 'reports', onStepEnd: (report: StepReport) => void reports.push(report) }
  try {
    const options = { ...base, ...given }
    const result = await trainDpo(model, data, { ...options, callbacks: [watch, ...(given.callbacks ?? [])] })
    return { result, reports, numbers: await trainedNumbers(model) }
  } finally {
    for (const adapter of adaptersOf(model).values()) adapter.detach()
    model.dispose()
  }
}

describe('trainDpo', () => {
  test('learns to prefer, and keeps what it told in its folder', async () => {
    const outputDir = join(folder, 'kept')
    const { result, reports, numbers } = await trained({
      ...{ outputDir, evalDataset, evalSteps: 4, evalOnStart: true, maxSteps: 12, beta: 0.2, loggingSteps: 3 },
      ...{ reportTo: 'all', metricForBestModel: 'evalRewards/accuracies', loadBestModelAtEnd: true },
    })
    expect(reports[0]?.loss).toBeCloseTo(Math.LN2, 6)
    expect(reports[0]?.metrics).toMatchObject({ 'rewards/chosen': 0, 'rewards/margins': 0, 'rewards/accuracies': 0 })
    expect(result.metrics?.['evalLoss']).toBeLessThan(0.6)
    expect(result.metrics?.['evalRewards/accuracies']).toBe(1)
    expect(result.best?.value).toBe(1)
    expect(result.trainLoss).toBeCloseTo(reports.reduce((sum, { loss }) => sum + loss, 0) / reports.length, 6)
    const read = (name: string) => readFile(join(outputDir, name), 'utf8')
    const lines = (await read('log.jsonl')).trim().split('\n')
    const logged = lines.map((line) => JSON.parse(line) as Record<string, number>)
    const steps = logged.filter((line) => 'loss' in line)
    expect(steps.map((line) => line['rewards/margins'])).toEqual(
      reports.map((each) => each.metrics?.['rewards/margins']),
    )
    expect(logged.filter((line) => 'eval_rewards/accuracies' in line).map(({ step }) => step)).toEqual([0, 4, 8, 12])
    expect(await read('log.csv')).toMatch(/^step,time,.*rewards\/chosen.*logps\/rejected/)
    const page = await read('report.html')
    for (const text of ['<b>Rewards</b>', '<b>Logps</b>', 'margins', 'held-out rewards/chosen'])
      expect(page).toContain(text)
    const run = JSON.parse(await read('run.json')) as { options: { loss: unknown } }
    expect(run.options).toMatchObject({ loss: { type: 'dpo', beta: 0.2 }, disableDropout: true })
    expect(await read('adapter_config.json')).toContain('"LORA"')
    // Pairs that were made before need no tokenizer, and are the same training.
    const { examples } = await preparePreferences(tokenizer, rows)
    const again = await trained({ maxSteps: 12, beta: 0.2, tokenizer: null }, examples)
    expect(again.reports.map(told)).toEqual(reports.map(told))
    expect(again.numbers).toHaveLength(numbers.length)
  })

  test('goes on bit for bit where it was killed, and by no other beta', async () => {
    const options = { evalDataset, evalSteps: 3, saveSteps: 2, gradientAccumulationSteps: 2 }
    const whole = await trained({ ...options, outputDir: join(folder, 'whole') })
    const outputDir = join(folder, 'killed')
    const killed = {
      name: 'killed',
      onStepEnd: ({ step }: StepReport) => {
        if (step === 5) throw new Error('killed')
      },
    }
    await expect(trained({ ...options, outputDir, callbacks: [killed] })).rejects.toThrow('killed')
    await expect(trained({ ...options, outputDir, resumeFromCheckpoint: true, beta: 0.3 })).rejects.toThrow(
      /loss was .*"beta":0\.1.*, is .*"beta":0\.3/,
    )
    const resumed = await trained({ ...options, outputDir, resumeFromCheckpoint: true })
    expect(resumed.numbers).toEqual(whole.numbers)
    expect(resumed.reports.map(told)).toEqual(whole.reports.slice(4).map(told))
    expect(resumed.reports.map(({ metrics }) => metrics)).toEqual(whole.reports.slice(4).map(({ metrics }) => metrics))
    expect(resumed.result.trainLoss).toBe(whole.result.trainLoss)
  })

  test('takes the rate and the dropout of TRL where nobody says', async () => {
    const outputDir = join(folder, 'defaults')
    const { learningRate: _, ...rest } = base
    const model = await tinyFalcon(device)
    await trainDpo(model, rows, { ...rest, maxSteps: 1, outputDir })
    const run = JSON.parse(await readFile(join(outputDir, 'run.json'), 'utf8')) as { options: object }
    expect(run.options).toMatchObject({ learningRate: 1e-6, disableDropout: true, loss: { type: 'dpo', beta: 0.1 } })
    for (const adapter of adaptersOf(model).values()) adapter.detach()
    model.dispose()
  })

  test('says that an adapter which was trained before is not its own reference, unless a copy of it is', async () => {
    const heard = async (isTrained: boolean, copies: readonly string[] = []) => {
      const model = await tinyFalcon(device)
      const [adapter, ...others] = ['default', ...copies].map((name) => {
        const one = attachLora(model, { r: 4 }, { device, seed: 1, name })
        for (const [key, tensor] of one.namedTrainableParameters()) {
          if (isTrained && key.includes('lora_B')) tensor.write(new Float32Array(tensor.count).fill(0.3))
        }
        return one
      })
      const numbersOf = async (names: typeof others) => {
        return Promise.all(
          names.flatMap((one) => [...one.namedTrainableParameters().values()].map((each) => each.read())),
        )
      }
      const [was, before] = [await trainedNumbers(model), await numbersOf(others)]
      const codes: string[] = []
      const losses: number[] = []
      const watch = { name: 'losses', onStepEnd: ({ loss }: StepReport) => void losses.push(loss) }
      const onWarning = (_message: string, code: string) => void codes.push(code)
      await trainDpo(model, rows, { ...base, peftConfig: null, maxSteps: 2, onWarning, callbacks: [watch] })
      expect(await trainedNumbers(model)).not.toEqual(was)
      expect(await numbersOf(others)).toEqual(before)
      for (const one of [...others, adapter]) one?.detach()
      model.dispose()
      return { codes, first: losses[0] }
    }
    expect((await heard(true)).codes).toContain('reference')
    expect((await heard(false)).codes).not.toContain('reference')
    const beside = await heard(true, ['ref'])
    expect(beside.codes).not.toContain('reference')
    expect(beside.first).toBeCloseTo(Math.LN2, 6)
    expect((await heard(true, ['other'])).codes).toContain('reference')
  })

  test.each<[string, unknown, string]>([
    [
      'packing',
      { packing: true },
      'trainDpo: packing must be left out, for each completion of a pair is a row of its own',
    ],
    [
      'smoothing',
      { labelSmoothing: 0.1 },
      'trainDpo: labelSmoothing must be left out, for only other losses than sigmoid',
    ],
    ['another loss', { lossType: 'ipo' }, "trainDpo: lossType must be 'sigmoid'"],
    ['a beta of nothing', { beta: 0 }, 'trainDpo: beta must be a number above 0'],
    ['an unknown name', { betta: 1 }, 'trainDpo: there is no option "betta"; did you mean beta?'],
    ['no tokenizer', { tokenizer: null }, 'trainDpo: rows need a tokenizer'],
    [
      'no adapter',
      { peftConfig: null },
      'trainDpo: the reference is the model with its adapter off, and there is none',
    ],
  ])('refuses %s', async (_, given, message) => {
    await expect(trained(given as TrainDpoOptions)).rejects.toThrow(message)
  })

  test('takes batches of pairs alone', () => {
    expect(() => collatePairs(randomExamples(1))).toThrow(
      'collatePairs: an example must be a pair, two documents, and it has 1',
    )
  })
})
