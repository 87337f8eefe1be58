import { afterAll, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { prepareModelForKbitTraining } from '../../src/peft/prepare-model-for-kbit-training.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { tinyBatch, tinyFalcon } from './tiny-falcon.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

it.each(['nf4', 'int8'] as const)('freezes a model in %s and checkpoints its blocks', async (format) => {
  const model = (await tinyFalcon(device, format)).setRequiresGrad(true)
  expect(model.trainableParameters().length).toBeGreaterThan(0)
  expect(prepareModelForKbitTraining(model)).toBe(model)
  expect([model.trainableParameters(), model.gradientCheckpointing]).toEqual([[], true])
  const dtypes = [...model.namedWeights()].map(([, weight]) => ('dtype' in weight ? weight.dtype : format))
  expect(new Set(dtypes)).toEqual(new Set(['f32', format]))
  const adapter = attachLora(model, {}, { device })
  const { batch, labels } = await tinyBatch()
  const { grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
  expect(new Set(grads.keys())).toEqual(new Set(adapter.namedTrainableParameters().values()))
  model.dispose()
})

it('leaves checkpointing as it is where asked to, or where nothing is quantised', async () => {
  const model = await tinyFalcon(device, 'nf4')
  prepareModelForKbitTraining(model, { useGradientCheckpointing: false })
  expect(model.gradientCheckpointing).toBe(false)
  const plain = await tinyFalcon(device)
  expect(prepareModelForKbitTraining(plain.setRequiresGrad(true)).trainableParameters()).toEqual([])
  expect(plain.gradientCheckpointing).toBe(false)
  for (const one of [model, plain]) one.dispose()
})

it.each<[unknown, unknown, string]>([
  [
    undefined,
    { use_gradient_checkpointing: false },
    'there is no option "use_gradient_checkpointing"; did you mean useGradientCheckpointing?',
  ],
  [undefined, { useGradientCheckpointing: 'false' }, 'useGradientCheckpointing must be true or false, got "false"'],
  ['falcon', {}, 'model must be a model, such as loadModel\'s, got "falcon"'],
])('refuses %j, %j', async (given, options, message) => {
  const model = await tinyFalcon(device, 'nf4')
  const wrong = (given ?? model) as typeof model
  expect(() => prepareModelForKbitTraining(wrong, options as object)).toThrow(`prepareModelForKbitTraining: ${message}`)
  expect(model.gradientCheckpointing).toBe(false)
  model.dispose()
})
