import type { Device } from '../../src/device/device.ts'
import type { TokenBatch } from '../../src/models/causal-lm.ts'
import { parseFalconConfig } from '../../src/models/falcon/falcon-config.ts'
import { modelWeights } from '../../src/models/architectures.ts'
import { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import type { Weight } from '../../src/nn/module.ts'
import { quantizeFourBit } from '../../src/formats/four-bit/quantize-four-bit.ts'
import { quantizeInt8 } from '../../src/formats/int8/quantize-int8.ts'
import { halfFromArray } from '../../src/tensor/half.ts'
import { fromArray } from '../../src/tensor/tensor.ts'
import { openFixture, readFixture } from '../fixtures/open-fixture.ts'

/** A file of tiny-falcon-rw, which make_tiny_golden.py describes. */
export const tinyFile = (name: string) => openFixture(`tiny-falcon-rw/${name}`)

export const tinyText = async (name: string) => new TextDecoder().decode(await readFixture(`tiny-falcon-rw/${name}`))

/** The tiny Falcon-RW, its projections in f32, f16, int8 or double-quantised NF4. */
export async function tinyFalcon(
  device: Device,
  weights: 'f32' | 'f16' | 'int8' | 'nf4' = 'f32',
): Promise<FalconForCausalLM> {
  const config = parseFalconConfig(JSON.parse(await tinyText('config.json')) as Record<string, unknown>)
  const file = await tinyFile('model.safetensors')
  const loaded = new Map<string, Weight>()
  for (const { name, shape, role } of modelWeights(config)) {
    const values = await file.readF32(name)
    const format = role === 'projection' ? weights : 'f32'
    if (format === 'f16') loaded.set(name, halfFromArray(device, values, shape, name))
    else if (format === 'int8') loaded.set(name, quantizeInt8(fromArray(device, values, shape, name)))
    else {
      const full = fromArray(device, values, shape, name)
      loaded.set(name, format === 'nf4' ? quantizeFourBit(full) : full)
      if (format === 'nf4') full.dispose()
    }
  }
  return new FalconForCausalLM(config, loaded)
}

/** The inputs of the references. */
export async function tinyBatch(): Promise<{ readonly batch: TokenBatch; readonly labels: Int32Array }> {
  const reference = await tinyFile('reference.safetensors')
  const inputIds = (await reference.read('input_ids')) as Int32Array
  return { batch: { inputIds, shape: [2, 12] }, labels: (await reference.read('labels')) as Int32Array }
}

/** The largest difference between two rows of numbers. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), 0)
}

export function maxMagnitude(a: ArrayLike<number>): number {
  return Array.from(a).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}
