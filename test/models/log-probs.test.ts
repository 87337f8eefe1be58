import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { mul } from '../../src/ops/mul.ts'
import { sum } from '../../src/ops/array/sum.ts'
import { attachAdapter } from '../../src/peft/attach.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon } from '../peft/tiny-falcon.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

/** Adapters that reach a model in different places: layers, its head, the table that is its head, before the text. */
const configs = [
  { peftType: 'LORA', r: 4 },
  { peftType: 'LORA', r: 4, targetModules: ['lm_head', 'query_key_value'] },
  { peftType: 'LORA', r: 4, useDora: true, targetModules: ['lm_head'] },
  { peftType: 'LORA', r: 4, modulesToSave: ['lm_head'] },
  { peftType: 'ADALORA', initR: 4, targetR: 2, totalStep: 10, targetModules: ['lm_head'] },
  { peftType: 'TRAINABLE_TOKENS', tokenIndices: [3, 5], targetModules: ['word_embeddings'] },
  { peftType: 'PROMPT_TUNING', numVirtualTokens: 3 },
  { peftType: 'PREFIX_TUNING', numVirtualTokens: 3 },
] as const

describe('logProbs', () => {
  it.each(configs)('is what the loss is the mean of, gradients too: %j', async (config) => {
    const model = await tinyFalcon(device)
    const adapter = attachAdapter(model, config, { seed: 3 })
    // Far from its start, where all its parts matter.
    for (const tensor of adapter.namedTrainableParameters().values()) {
      const values = await tensor.read()
      tensor.write(values.map((value, i) => value + 0.1 * Math.sin(7 * i + 1)))
    }
    const { batch, labels } = await tinyBatch()
    const bytes: number[] = []
    for (const round of [1, 2]) {
      const byLoss = valueAndGrad(model, () => model.loss(batch, labels, 5))(null)
      const byLogs = valueAndGrad(model, () => mul(sum(model.logProbs(batch, labels)), -1 / 5))(null)
      expect(Math.abs((await byLoss.loss.item()) - (await byLogs.loss.item())), `round ${round}`).toBeLessThan(1e-5)
      expect(byLogs.grads.size).toBe(byLoss.grads.size)
      for (const [parameter, grad] of byLoss.grads) {
        const [own, wanted] = [await byLogs.grads.get(parameter)?.read(), await grad.read()]
        expect(maxDifference(own ?? [], wanted)).toBeLessThan(1e-5 * (1 + maxMagnitude(wanted)))
      }
      for (const { loss, grads } of [byLoss, byLogs]) for (const value of [loss, ...grads.values()]) value.dispose()
      bytes.push(device.memory.liveBytes)
    }
    // The first round may fill a layer's own store, such as DoRA's norms.
    expect(bytes[1]).toBe(bytes[0])
    adapter.detach()
    model.dispose()
  })

  it('refuses labels that are not the batch’s', async () => {
    const model = await tinyFalcon(device)
    const { batch, labels } = await tinyBatch()
    expect(() => model.logProbs(batch, labels.subarray(1))).toThrow('logProbs: 23 labels for 2 × 12 tokens')
    expect(() =>
      model.logProbs(
        batch,
        labels.map(() => -100),
      ),
    ).toThrow('linearLogProbs: every label is masked')
    model.dispose()
  })
})
