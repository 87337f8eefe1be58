import { afterAll, expect, it } from 'vitest'
import { attachLora } from '../../../src/peft/attach.ts'
import { parameterRates } from '../../../src/train/step/parameter-rates.ts'
import { trainingOptions, type TrainingOptions } from '../../../src/train/training-options.ts'
import { TrainingRun } from '../../../src/train/training-run.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'
import { tinyFalcon } from '../../peft/tiny-falcon.ts'
import { adaptedFalcon, collected, randomExamples, trainedNumbers } from '../tiny-run.ts'

const cases = JSON.parse(new TextDecoder().decode(await readFixture('loraplus.json'))) as readonly {
  readonly loraBias: boolean
  readonly targetModules: readonly string[]
  readonly rates: Readonly<Record<string, number>>
}[]
const device = await openTestCpu()
afterAll(() => device.dispose())
const given: TrainingOptions = { learningRate: 0.01, loraplusLrRatio: 16, loraplusLrEmbedding: 0.002 }

it.each(cases)('LoRA+ gives the rates that PEFT gives, on $targetModules', async ({ rates, ...config }) => {
  const model = await tinyFalcon(device)
  const adapter = attachLora(model, { r: 4, modulesToSave: ['ln_f'], ...config }, { device, seed: 1 })
  const factors = parameterRates(model, trainingOptions(given).options)
  const named = [...adapter.namedTrainableParameters()]
  const ours = named.map(([key, tensor]) => [key, 0.01 * (factors.get(tensor) ?? 1)] as const)
  expect(Object.fromEntries(ours)).toEqual(
    Object.fromEntries(Object.entries(rates).map(([key, rate]) => [key, expect.closeTo(rate, 12) as number])),
  )
  expect(new Set(Object.values(rates)).size).toBeGreaterThan(1)
  model.dispose()
})

it('a run trains B at its own rate, and A as without LoRA+', async () => {
  const numbersAfter = async (options: TrainingOptions) => {
    const { model, dispose } = await adaptedFalcon(device)
    const run = new TrainingRun(model, randomExamples(2), { maxSteps: 1, learningRate: 1e-3, ...options })
    await collected(run)
    const named = [...model.namedWeights()].filter(([, weight]) => 'dtype' in weight && weight.requiresGrad)
    const numbers = await trainedNumbers(model)
    run.dispose()
    dispose()
    return new Map(named.map(([path], i) => [path, numbers[i] ?? new Float32Array()]))
  }
  const [alike, plus] = [await numbersAfter({}), await numbersAfter({ loraplusLrRatio: 16 })]
  expect(alike.size).toBeGreaterThan(2)
  // B starts at zero, so the first step is its rate, whatever the gradient.
  for (const [path, values] of alike) {
    const factor = path.includes('lora_B') ? 16 : 1
    const wanted = values.map((value) => Math.fround(factor * value))
    plus.get(path)?.forEach((value, i) => expect(value).toBeCloseTo(wanted[i] ?? NaN, 7))
  }
})

it('refuses LoRA+ that does nothing', async () => {
  const model = await tinyFalcon(device)
  attachLora(model, { r: 4 }, { device, seed: 1 })
  const refused = (options: TrainingOptions) => expect(() => new TrainingRun(model, randomExamples(2), options))
  refused({ loraplusLrEmbedding: 0.1 }).toThrow(
    'TrainingRun: loraplusLrEmbedding 0.1 does nothing without loraplusLrRatio; give it, such as 16',
  )
  refused({ loraplusLrRatio: 0 }).toThrow('TrainingRun: loraplusLrRatio must be a number above 0')
  model.dispose()
  const whole = await tinyFalcon(device)
  whole.setRequiresGrad(true)
  expect(() => new TrainingRun(whole, randomExamples(2), { loraplusLrRatio: 16 })).toThrow(
    'TrainingRun: loraplusLrRatio 16 does nothing where no LoRA is trained; leave it out',
  )
  whole.dispose()
})
