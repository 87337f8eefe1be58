import { check } from '../core/errors.ts'
import { findNonFinite } from '../core/float16.ts'
import { countOf, sameShape, showShape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import type { WeightSpec } from '../models/causal-lm.ts'
import { fourBitFromStored } from '../ops/quantize.ts'
import { parseQuantState } from '../quant/bitsandbytes-state.ts'
import { nestedBlockSize } from '../quant/double-quant.ts'
import type { FourBitTensor } from '../tensor/four-bit-tensor.ts'
import { Int8Tensor } from '../tensor/int8-tensor.ts'
import { type Matrix, rooted } from '../tensor/matrix.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import { filledTensor } from './fill-tensor.ts'
import { type Checkpoint, int8Companions, quantStateOf } from './weights/checkpoint.ts'

/** A matrix that bitsandbytes quantised, as it is; `null` for a weight of plain numbers. */
export async function loadStored(reader: Checkpoint, spec: WeightSpec, device: Device): Promise<Matrix | null> {
  const state = quantStateOf(reader, spec.name)
  if (state) return loadFourBit(reader, spec, state.key, device)
  return reader.info(spec.name).dtype === 'I8' ? loadInt8(reader, spec, device) : null
}

/** By the keys of bitsandbytes' modules.py, Linear4bit._save_to_state_dict. */
async function loadFourBit(
  reader: Checkpoint,
  spec: WeightSpec,
  stateKey: string,
  device: Device,
): Promise<FourBitTensor> {
  const { name, shape } = spec
  const state = parseQuantState(await reader.readBytes(stateKey))
  check(
    sameShape(state.shape, shape),
    'format',
    () => `${name}: its quant_state says ${showShape(state.shape)}, the config ${showShape(shape)}`,
  )
  const isNested = state.nestedOffset !== undefined
  const absmax = isNested ? (await reader.readBytes(`${name}.absmax`)).slice() : await reader.readF32(`${name}.absmax`)
  const blocks = Math.ceil(countOf(shape) / state.blockSize)
  const { begin, end } = reader.info(name)
  check(end - begin === Math.ceil(countOf(shape) / 2) && absmax.length === blocks, 'format', () => {
    return `${name}: ${end - begin} bytes of codes and ${absmax.length} of absmax do not fit ${showShape(shape)} in blocks of ${state.blockSize}`
  })
  const nested = isNested
    ? { absmax: await reader.readF32(`${name}.nested_absmax`), offset: state.nestedOffset }
    : undefined
  check(nested === undefined || nested.absmax.length === Math.ceil(blocks / nestedBlockSize), 'format', () => {
    return `${name}: ${nested?.absmax.length} nested absmax do not fit ${blocks} blocks`
  })
  if (absmax instanceof Float32Array) checkScales(`${name}.absmax`, absmax)
  if (nested) checkScales(`${name}.nested_absmax`, Float32Array.of(...nested.absmax, nested.offset))
  const { quantType: type, blockSize, dtype: sourceDType } = state
  const codes = await filledTensor(reader, name, { device, shape: [end - begin], dtype: 'u8', label: `${type} codes` })
  return orDispose(codes, () => {
    const stored = { type, blockSize, sourceDType, codes, absmax, ...(nested && { nested }) }
    return rooted(device, () => fourBitFromStored(device, shape, stored))
  })
}

/** By the keys of bitsandbytes' modules.py, Linear8bitLt._save_to_state_dict. */
async function loadInt8(reader: Checkpoint, { name, shape }: WeightSpec, device: Device): Promise<Int8Tensor> {
  const [scaleKey, formatKey] = int8Companions(name)
  check(reader.has(scaleKey), 'format', () => `${name}: its numbers are I8, and ${scaleKey} is missing`)
  const format = reader.has(formatKey) ? (await reader.readF32(formatKey))[0] : 0
  check(format === 0, 'unsupported', () => `${name}: its weight_format is ${format}; known is 0, rows`)
  const scale = await reader.readF32(scaleKey)
  check(scale.length === shape[0], 'format', () => `${name}: ${scale.length} scales do not fit ${showShape(shape)}`)
  checkScales(scaleKey, scale)
  const codes = await filledTensor(reader, name, { device, shape, dtype: 'u8', label: 'int8 codes' })
  return orDispose(codes, () => {
    return rooted(
      device,
      () => new Int8Tensor(shape, { codes, scale: fromArray(device, scale, [scale.length], 'int8 scale') }),
    )
  })
}

/** @throws MedAwareError `numeric` where a scale is infinite or none, which would spoil all numbers that share it. */
function checkScales(key: string, scales: Float32Array): void {
  const bad = findNonFinite(new Uint32Array(scales.buffer, scales.byteOffset, scales.length), 0x7f800000)
  check(bad < 0, 'numeric', () => `${key}: scale ${bad} of the checkpoint is NaN or infinite; the file is damaged`)
}

/** What `make` gives; where it throws, a tensor made before goes. */
function orDispose<T>(tensor: Tensor, make: () => T): T {
  try {
    return make()
  } catch (error) {
    tensor.dispose()
    throw error
  }
}
