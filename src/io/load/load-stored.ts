import { check } from '../../core/errors.ts'
import { findNonFinite } from '../../core/float16.ts'
import { countOf, sameShape, showShape } from '../../core/shape.ts'
import type { Device } from '../../device/device.ts'
import type { WeightSpec } from '../../models/causal-lm.ts'
import { fourBitFromStored } from '../../ops/quantize.ts'
import { nestedBlockSize } from '../../quant/double-quant.ts'
import type { FourBitTensor } from '../../tensor/four-bit-tensor.ts'
import { Int8Tensor } from '../../tensor/int8-tensor.ts'
import { type Matrix, rootedMatrix } from '../../tensor/matrix.ts'
import { fromArray, type Tensor } from '../../tensor/tensor.ts'
import { filledTensor } from './fill-tensor.ts'
import { type Checkpoint, int8Companions, quantStateOf, readQuantState } from './checkpoint.ts'

/** A matrix that bitsandbytes quantised, as it is; `null` for a weight of plain numbers. */
export async function loadStored(reader: Checkpoint, spec: WeightSpec, device: Device): Promise<Matrix | null> {
  const state = quantStateOf(reader, spec.name)
  if (state) return loadFourBit(reader, spec, state, device)
  return reader.info(spec.name).dtype === 'I8' ? loadInt8(reader, spec, device) : null
}

/** By the keys of bitsandbytes' modules.py, Linear4bit._save_to_state_dict. */
async function loadFourBit(
  reader: Checkpoint,
  { name, shape }: WeightSpec,
  found: NonNullable<ReturnType<typeof quantStateOf>>,
  device: Device,
): Promise<FourBitTensor> {
  const {
    quantType: type,
    blockSize,
    dtype: sourceDType,
    shape: stored,
    nestedOffset,
  } = await readQuantState(reader, found)
  check(
    sameShape(stored, shape),
    'format',
    () => `${name}: its quant_state says ${showShape(stored)}, the config ${showShape(shape)}`,
  )
  const [absmaxKey, nestedKey] = [`${name}.absmax`, `${name}.nested_absmax`]
  const blocks = Math.ceil(countOf(shape) / blockSize)
  const { begin, end } = reader.info(name)
  const { dtype, shape: scales } = reader.info(absmaxKey)
  check(end - begin === Math.ceil(countOf(shape) / 2) && countOf(scales) === blocks, 'format', () => {
    return `${name}: ${end - begin} bytes of codes and ${countOf(scales)} of absmax do not fit ${showShape(shape)} in blocks of ${blockSize}`
  })
  check((dtype === 'U8') === found.nested, 'format', () => {
    return `${absmaxKey}: its numbers are ${dtype}, those of ${found.nested ? 'double-quantised' : 'single'} scales are not`
  })
  const nestedCount = found.nested ? countOf(reader.info(nestedKey).shape) : 0
  check(!found.nested || nestedCount === Math.ceil(blocks / nestedBlockSize), 'format', () => {
    return `${name}: ${nestedCount} nested absmax do not fit ${blocks} blocks`
  })
  const absmax = found.nested ? new Uint8Array(await reader.readBytes(absmaxKey)) : await reader.readF32(absmaxKey)
  if (absmax instanceof Float32Array) checkScales(absmaxKey, absmax)
  const nested =
    nestedOffset === undefined ? undefined : { absmax: await reader.readF32(nestedKey), offset: nestedOffset }
  if (nested) checkScales(nestedKey, nested.absmax)
  const codes = await filledTensor(reader, name, { device, shape: [end - begin], dtype: 'u8', label: `${type} codes` })
  return orDispose(codes, () => {
    const parts = { type, blockSize, sourceDType, codes, absmax, ...(nested && { nested }) }
    return rootedMatrix(device, () => fourBitFromStored(device, shape, parts))
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
    return rootedMatrix(
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
