import { check } from '../../core/errors.ts'
import { sameShape, showShape, type Shape } from '../../core/shape.ts'
import type { Device } from '../../device/device.ts'
import { fromArray } from '../../tensor/tensor.ts'
import { checkScales } from '../check-scales.ts'
import type { Checkpoint, StoredWeight } from '../format.ts'
import { withCodes } from '../with-codes.ts'
import { Int8Tensor } from './int8-tensor.ts'

/** A weight that bitsandbytes stored in 8 bits; of I8 the scales are looked for when it is read. */
export function findInt8(checkpoint: Checkpoint, weight: string): StoredWeight | null {
  const { dtype, shape: stored } = checkpoint.info(weight)
  if (dtype !== 'I8') return null
  return {
    misfit: (shape) => (sameShape(stored, shape) ? null : `${weight} is ${showShape(stored)}, not ${showShape(shape)}`),
    recipe: async () => ({ type: 'int8', blockSize: null, doubleQuant: false }),
    load: (device, shape) => loadInt8(device, checkpoint, weight, shape),
  }
}

/** What may stand beside an int8 weight: its scales, and a number for the order of its bytes. */
export function int8Companions(weight: string): readonly [scale: string, format: string] {
  const layer = weight.replace(/weight$/, '')
  return [`${layer}SCB`, `${layer}weight_format`]
}

/** By the keys of bitsandbytes' modules.py, Linear8bitLt._save_to_state_dict. */
async function loadInt8(device: Device, checkpoint: Checkpoint, name: string, shape: Shape): Promise<Int8Tensor> {
  const [scaleKey, formatKey] = int8Companions(name)
  check(checkpoint.has(scaleKey), 'format', () => `${name}: its numbers are I8, and ${scaleKey} is missing`)
  const format = checkpoint.has(formatKey) ? (await checkpoint.readF32(formatKey))[0] : 0
  check(format === 0, 'unsupported', () => `${name}: its weight_format is ${format}; known is 0, rows`)
  const scale = await checkpoint.readF32(scaleKey)
  check(scale.length === shape[0], 'format', () => `${name}: ${scale.length} scales do not fit ${showShape(shape)}`)
  checkScales(scaleKey, scale)
  return withCodes(device, checkpoint, { name, shape, label: 'int8 codes' }, (codes) => {
    return new Int8Tensor(shape, { codes, scale: fromArray(device, scale, [scale.length], 'int8 scale') })
  })
}
