import { afterAll, describe, expect, it } from 'vitest'
import {
  type CovarianceWork,
  type InputCovariance,
  inputCovariances,
} from '../../../../src/peft/lora/starts/data/covariances.ts'
import type { StartBatches } from '../../../../src/peft/lora/starts/data/batches.ts'
import { withLayerInputs } from '../../../../src/peft/lora/starts/data/layer-inputs.ts'
import { testEngines } from '../../../device/devices.ts'
import { maxMagnitude, tinyFalcon } from '../../tiny-falcon.ts'
import { startBatches } from './start-batches.ts'

const batches = await startBatches()
const ofLayer = ['self_attention.query_key_value', 'self_attention.dense', 'mlp.dense_h_to_4h', 'mlp.dense_4h_to_h']
const paths = [0, 1].flatMap((layer) => ofLayer.map((name) => `transformer.h.${layer}.${name}`))

describe.each(await testEngines())('covariances of inputs, on $description', (device) => {
  afterAll(() => device.dispose())

  async function covariances(given: StartBatches, work: Omit<CovarianceWork, 'who'> = {}) {
    const model = await tinyFalcon(device)
    const { liveBytes } = device.memory
    const found = new Map<string, InputCovariance>()
    try {
      await withLayerInputs(model, paths, async (read) => {
        for await (const each of inputCovariances(read, paths, given, { who: 'test', ...work })) {
          for (const path of each.paths) found.set(path, each)
        }
      })
    } finally {
      expect(device.memory.liveBytes).toBe(liveBytes)
      model.dispose()
    }
    return found
  }

  it('are the same to the bit, whether there is room for all at once or for two', async () => {
    const once = await covariances(batches)
    let read = 0
    const onBatch = () => read++
    const often = await covariances(batches, { onBatch, mostBytes: 2 * 4 * 32 * 32 })
    // Those of dense_4h_to_h are larger than that, and get a pass of their own each.
    expect(read).toBe(5 * batches.length)
    expect([...often.keys()].sort()).toEqual(paths.toSorted())
    for (const path of paths) {
      expect(often.get(path), path).toEqual(once.get(path))
      expect(maxMagnitude(once.get(path)?.values ?? [])).toBeGreaterThan(0.1)
    }
  })

  it('refuse batches that are gone when they are needed again', async () => {
    await expect(covariances(batches.values(), { mostBytes: 1 })).rejects.toThrow(
      'test: the batches cannot be gone through again, as so many layers need; give a list, or a function',
    )
  })
})
