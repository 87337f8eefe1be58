import { afterAll, describe, expect, it } from 'vitest'
import { testEngines } from '../../../device/devices.ts'
import { llamaInBlocks } from '../../../gguf/llama-in-blocks.ts'
import { checkMerging } from './merging.ts'
import { gradientsOff, lossesOverBlocks } from './training.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

/** A K-quant of each kind, as llama.cpp mixes them in Q4_K_M; over-blocks.long.ts has models of each type alone. */
const file = llamaInBlocks((name) => (name === 'attn_v' ? 'Q6_K' : name.startsWith('ffn') ? 'Q4_K' : 'Q5_K'))

describe.each(devices)('a Llama in K-quants, on $description', (device) => {
  it('has the gradients of the numbers that they stand for, of padded rows and of packed ones', async () => {
    const off = await gradientsOff(device, file)
    // A GPU's own order of sums may be another for blocks; SwiftShader has the same.
    if (device.kind === 'cpu') expect(off).toBe(0)
    else expect(off).toBeLessThan(1e-5)
  })

  // Of WebGPU's seconds over-blocks.long.ts has these.
  if (device.kind !== 'cpu') return

  it('learns, and keeps the base', async () => {
    const losses = await lossesOverBlocks(device, file, 5)
    expect(losses.at(-1)).toBeLessThan(0.9 * (losses[0] ?? NaN))
  })

  it('takes a merged adapter, in blocks and in numbers, and says the same', () => checkMerging(device, file))
})
