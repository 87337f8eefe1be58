import { afterAll, describe, expect, it } from 'vitest'
import { testEngines } from '../../../device/devices.ts'
import { blockTypeNames, llamaInBlocks } from '../../../gguf/llama-in-blocks.ts'
import { checkMerging } from './merging.ts'
import { gradientsOff, lossesOverBlocks } from './training.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('a Llama in blocks of one type, on $description', (device) => {
  it.each(blockTypeNames)(
    'of %s has the gradients of its numbers, learns, and takes a merged adapter',
    async (type) => {
      const file = llamaInBlocks(() => type)
      const off = await gradientsOff(device, file)
      // A GPU's own order of sums may be another for blocks; SwiftShader's is of Q8_0 alone, by 1.4e-6.
      if (device.kind === 'cpu') expect(off).toBe(0)
      else expect(off).toBeLessThan(1e-5)
      const losses = await lossesOverBlocks(device, file, 7)
      expect(losses.at(-1)).toBeLessThan(0.9 * (losses[0] ?? NaN))
      await checkMerging(device, file)
    },
  )
})
