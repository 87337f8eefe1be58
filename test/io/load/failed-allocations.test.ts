import { afterAll, describe, expect, it } from 'vitest'
import { tidy } from '../../../src/autograd/record.ts'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import { evaluateLoss } from '../../../src/evaluate/loss.ts'
import { generateTokens } from '../../../src/generate/generate.ts'
import { openAdapter } from '../../../src/io/adapter-folder.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { quantize } from '../../../src/nn/quantize.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import { copyOf, fromArray, type Tensor, zeros } from '../../../src/tensor/tensor.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { failEachAllocation } from '../../device/fail-allocations.ts'
import { weightedSum } from '../../ops/gradient-check.ts'
import { opCases } from '../../ops/op-cases.ts'
import { tinyBatch, tinyFalcon } from '../../peft/tiny-falcon.ts'
import { randomExamples } from '../../train/tiny-run.ts'
import { tinyFolder } from '../tiny-files.ts'

const device = await openTestCpu({ threads: 1 })
afterAll(() => device.dispose())
const free = (...tensors: readonly Tensor[]) => {
  for (const tensor of tensors) tensor.dispose()
}
const lora = { r: 4, loraAlpha: 8, bias: 'all' } as const

describe('a refused allocation leaves the device as it was', () => {
  it('in what makes tensors', async () => {
    const x = fromArray(device, new Float32Array(6), [2, 3], 'x')
    expect(await failEachAllocation(device, () => fromArray(device, new Float32Array(6), [2, 3], 'y'), free)).toBe(1)
    expect(await failEachAllocation(device, () => zeros(device, [4], 'z'), free)).toBe(1)
    expect(await failEachAllocation(device, () => copyOf(x, 'copy'), free)).toBe(1)
    x.dispose()
  })

  const byOp = [...new Map(opCases.map((one) => [one.op, one])).values()]
  it.each(byOp)('in $op, forward and back', async (one) => {
    const tensors = Object.entries(one.inputs).map(([name, { shape, values }]) => {
      return [name, fromArray(device, values, shape, name)] as const
    })
    const trained = tensors.map(([, tensor]) => tensor)
    for (const tensor of trained) tensor.requiresGrad = true
    const inputs = Object.fromEntries(tensors)
    const step = valueAndGrad({ trainableParameters: () => trained }, () => {
      const y = tidy(device, () => one.apply(inputs, device))
      return weightedSum(y, new Float32Array(y.count).fill(1))
    })
    const undo = ({ loss, grads }: ReturnType<typeof step>) => free(loss, ...grads.values())
    expect(await failEachAllocation(device, () => step(null), undo)).toBeGreaterThan(3)
    free(...trained)
  })

  it.each([{}, { type: 'int8' }, { doubleQuant: false }] as const)(
    'in quantize %j, up to the layer that failed',
    async (how) => {
      const work = async () => {
        const { model } = await loadModel(tinyFolder, { device })
        try {
          quantize(model, how)
        } finally {
          model.dispose()
        }
      }
      expect(await failEachAllocation(device, work, () => undefined)).toBeGreaterThan(20)
    },
  )

  it('in attachLora, a loss and its gradients', async () => {
    const model = await tinyFalcon(device)
    const { batch, labels } = await tinyBatch()
    expect(
      await failEachAllocation(
        device,
        () => attachLora(model, lora, { device }),
        (made) => made.detach(),
      ),
    ).toBeGreaterThan(1)
    const adapter = attachLora(model, lora, { device })
    expect(await failEachAllocation(device, () => model.loss(batch, labels), free)).toBeGreaterThan(10)
    const step = valueAndGrad(model, () => model.loss(batch, labels))
    const count = await failEachAllocation(
      device,
      () => step(null),
      ({ loss, grads }) => free(loss, ...grads.values()),
    )
    expect(count).toBeGreaterThan(50)
    adapter.detach()
    model.dispose()
  })

  it.each([{}, { quantize: {} }, { quantize: { type: 'int8' } }, { dtype: 'bf16' }] as const)(
    'in loadModel %j',
    async (options) => {
      const load = () => loadModel(tinyFolder, { device, ...options })
      expect(await failEachAllocation(device, load, ({ model }) => model.dispose())).toBeGreaterThan(10)
    },
  )

  it('in openAdapter, generation and evaluation', async () => {
    const { model } = await loadModel(tinyFolder, { device })
    const open = () => openAdapter(model, `${tinyFolder}/adapters/lora-bias`, { device })
    expect(await failEachAllocation(device, open, (made) => made.detach())).toBe(3)
    const generate = async () => {
      const ids: number[] = []
      for await (const [id] of generateTokens(model, [[1, 2, 3]], { maxNewTokens: 3 })) ids.push(id ?? -1)
      return ids
    }
    expect(await failEachAllocation(device, generate, () => undefined)).toBeGreaterThan(10)
    const evaluate = () => evaluateLoss(model, randomExamples(3), { batchSize: 2 })
    expect(await failEachAllocation(device, evaluate, () => undefined)).toBeGreaterThan(10)
    model.dispose()
  })
})
