import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { collate, type Example } from '../../../src/models/example.ts'
import { attachLora } from '../../../src/peft/attach.ts'
import type { LabelledBatch } from '../../../src/train/labelled-batch.ts'
import { dpoLoss } from '../../../src/train/preference/dpo-loss.ts'
import { partsOfLoss } from '../../../src/train/training-loss.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
import { openFixture } from '../../fixtures/open-fixture.ts'
import { maxDifference, maxMagnitude } from '../../peft/tiny-falcon.ts'

/** What TRL's trainer makes of some pairs. */
interface TrlStep {
  readonly targets: readonly string[]
  readonly examples: readonly Readonly<Record<'prompt_ids' | 'chosen_ids' | 'rejected_ids', readonly number[]>>[]
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
  readonly logps: readonly number[]
  readonly refLogps: readonly number[]
}

const fixtures = join(import.meta.dirname, '../../fixtures')
const steps = JSON.parse(readFileSync(join(fixtures, 'trl-dpo/steps.json'), 'utf8')) as Readonly<
  Record<string, TrlStep>
>
const bases: Readonly<Record<string, string>> = { falcon: 'tiny-falcon-rw', llama: 'trl-runs' }

/** All chosen rows, then the rejected ones. */
function batchOf({ examples }: TrlStep): LabelledBatch {
  const rows = (['chosen_ids', 'rejected_ids'] as const).flatMap((side) =>
    examples.map((each): Example => {
      const [prompt, completion] = [each.prompt_ids, each[side]]
      return {
        inputIds: Int32Array.from([...prompt, ...completion]),
        labels: Int32Array.from([...prompt.map(() => -100), ...completion]),
      }
    }),
  )
  const { batch, labels } = collate(rows)
  return { ...batch, labels }
}

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('DPO on $description', (device) => {
  it.each(Object.entries(steps))("has the loss, metrics and gradients of TRL's trainer: %s", async (name, step) => {
    const { model } = await loadModel(join(fixtures, bases[name] ?? ''), { device })
    const adapter = attachLora(model, { r: 4, loraAlpha: 8, targetModules: step.targets }, { device, seed: 1 })
    const file = await openFixture(`trl-dpo/${name}.safetensors`)
    for (const [key, tensor] of adapter.namedTrainableParameters()) tensor.write(await file.readF32(`adapter.${key}`))
    const batch = batchOf(step)
    const bytes = device.memory.liveBytes
    for (const isCheckpointing of [false, true]) {
      model.gradientCheckpointing = isCheckpointing
      model.train(true)
      const told = new Map<string, Tensor>()
      const { loss, grads } = valueAndGrad(model, (of: LabelledBatch, keep) => {
        const parts = partsOfLoss(dpoLoss()(model, of, { normalizer: 1, microBatches: 1, step: 1 }))
        for (const [key, value] of Object.entries(parts.metrics)) {
          if (value instanceof Tensor) told.set(key, keep(value))
        }
        return parts.loss as Tensor
      })(batch)
      expect(Math.abs((await loss.item()) - step.loss)).toBeLessThan(1e-5)
      expect(told.size).toBeGreaterThan(5)
      for (const [key, value] of told) {
        expect(Math.abs((await value.item()) - (step.metrics[key] ?? NaN)), key).toBeLessThan(1e-4)
      }
      for (const [key, tensor] of adapter.namedTrainableParameters()) {
        const [grad, wanted] = [await grads.get(tensor)?.read(), await file.readF32(`grad.${key}`)]
        expect(maxMagnitude(wanted), key).toBeGreaterThan(0)
        expect(maxDifference(grad ?? [], wanted) / maxMagnitude(wanted), key).toBeLessThan(1e-4)
      }
      for (const value of [loss, ...grads.values(), ...told.values()]) value.dispose()
      model.train(false)
    }
    expect(device.memory.liveBytes).toBe(bytes)
    const logps = device.memory.rooted(() => model.logProbs(batch, batch.labels))
    const rows = await logps.read()
    const sums = step.logps.map((_, row) => {
      return rows
        .subarray((row * rows.length) / step.logps.length, ((row + 1) * rows.length) / step.logps.length)
        .reduce((a, b) => a + b, 0)
    })
    expect(maxDifference(sums, step.logps)).toBeLessThan(1e-4)
    adapter.detach()
    model.dispose()
  })
})
