import { expect } from 'vitest'
import { valueAndGrad } from '../../../../src/autograd/value-and-grad.ts'
import type { Device } from '../../../../src/device/device.ts'
import type { PretrainedLm } from '../../../../src/models/causal-lm.ts'
import type { Adapter } from '../../../../src/peft/adapter.ts'
import { attachLora } from '../../../../src/peft/attach.ts'
import { StoredMatrix } from '../../../../src/tensor/stored-matrix.ts'
import type { LabelledBatch } from '../../../../src/train/labelled-batch.ts'
import { TrainingRun } from '../../../../src/train/training-run.ts'
import { maxMagnitude } from '../../../peft/tiny-falcon.ts'
import { attach, batches, load, projections, r, shareOff, typesOf } from './llama.ts'

/** The loss and every gradient of an adapter, by name. */
async function gradientsOf(model: PretrainedLm, adapter: Adapter, { labels, ...batch }: LabelledBatch) {
  const scope = model.device.memory.open()
  const { loss, grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
  const gradients = new Map([['loss', await loss.read()]])
  for (const [name, parameter] of adapter.namedTrainableParameters()) {
    gradients.set(name, (await grads.get(parameter)?.read()) ?? new Float32Array())
  }
  scope.close()
  return gradients
}

/**
 * Loss and gradients of a model in blocks beside those of the same model in the numbers that they stand for.
 * @returns By how much one is off at most, as a share of the largest of its tensor.
 */
export async function gradientsOff(device: Device, file: Uint8Array): Promise<number> {
  const [blocks, numbers] = [await load(device, file, 'blocks'), await load(device, file, 'numbers')]
  expect(typesOf(blocks)).not.toContain(null)
  expect(typesOf(numbers)).toEqual(Array(7).fill(null))
  const adapters = [attach(blocks), attach(numbers)] as const
  let most = 0
  for (const batch of batches) {
    const own = await gradientsOf(blocks, adapters[0], batch)
    const wanted = await gradientsOf(numbers, adapters[1], batch)
    // The loss, and an A and a B of seven projections.
    expect([own.size, wanted.size]).toEqual([15, 15])
    for (const [name, values] of wanted) {
      expect(maxMagnitude(values), name).toBeGreaterThan(1e-3)
      most = Math.max(most, shareOff(own.get(name) ?? [], values))
    }
  }
  blocks.dispose()
  numbers.dispose()
  return most
}

/** Losses of steps of QLoRA, on one batch and the other in turn, over a base in blocks, which stays as it was. */
export async function lossesOverBlocks(device: Device, file: Uint8Array, maxSteps: number): Promise<number[]> {
  const model = await load(device, file, 'blocks')
  const tensors = projections(model).flatMap(([, weight]) => (weight instanceof StoredMatrix ? weight.tensors : []))
  const bytes = async () => Buffer.concat(await Promise.all(tensors.map((tensor) => tensor.readBytes())))
  const before = await bytes()
  attachLora(model, { r, targetModules: 'all-linear' }, { device, seed: 3 })
  const losses: number[] = []
  const options = { maxSteps, learningRate: 2e-3, schedule: 'constant' } as const
  for await (const { loss } of new TrainingRun(model, () => batches, options)) losses.push(loss)
  expect(before.length).toBeGreaterThan(150_000)
  expect(before.equals(await bytes())).toBe(true)
  model.dispose()
  return losses
}
