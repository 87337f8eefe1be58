import { check } from '../../core/errors.ts'
import { countOf, sameShape, showShape, type Shape } from '../../core/shape.ts'
import type { Device } from '../../device/device.ts'
import type { QuantState } from '../../quant/bitsandbytes-state.ts'
import { nestedBlockSize } from '../../quant/double-quant.ts'
import { parseQuantState } from '../../quant/parse-quant-state.ts'
import { checkScales } from '../check-scales.ts'
import type { Checkpoint } from '../format.ts'
import { withCodes } from '../with-codes.ts'
import type { FoundState } from './find-four-bit.ts'
import type { FourBitTensor } from './four-bit-tensor.ts'
import { fourBitFromStored } from './quantize-four-bit.ts'

/** By the keys of bitsandbytes' modules.py, Linear4bit._save_to_state_dict. */
export async function loadFourBit(
  device: Device,
  checkpoint: Checkpoint,
  name: string,
  shape: Shape,
  found: FoundState,
): Promise<FourBitTensor> {
  const state = await readQuantState(checkpoint, found)
  const { quantType: type, blockSize, dtype: sourceDType, shape: stored, nestedOffset } = state
  check(
    sameShape(stored, shape),
    'format',
    () => `${name}: its quant_state says ${showShape(stored)}, the config ${showShape(shape)}`,
  )
  const [absmaxKey, nestedKey] = [`${name}.absmax`, `${name}.nested_absmax`]
  const blocks = Math.ceil(countOf(shape) / blockSize)
  const { begin, end } = checkpoint.info(name)
  const { dtype, shape: scales } = checkpoint.info(absmaxKey)
  check(end - begin === Math.ceil(countOf(shape) / 2) && countOf(scales) === blocks, 'format', () => {
    return `${name}: ${end - begin} bytes of codes and ${countOf(scales)} of absmax do not fit ${showShape(shape)} in blocks of ${blockSize}`
  })
  check((dtype === 'U8') === found.nested, 'format', () => {
    return `${absmaxKey}: its numbers are ${dtype}, those of ${found.nested ? 'double-quantised' : 'single'} scales are not`
  })
  const nestedCount = found.nested ? countOf(checkpoint.info(nestedKey).shape) : 0
  check(!found.nested || nestedCount === Math.ceil(blocks / nestedBlockSize), 'format', () => {
    return `${name}: ${nestedCount} nested absmax do not fit ${blocks} blocks`
  })
  const absmax = found.nested
    ? new Uint8Array(await checkpoint.readBytes(absmaxKey))
    : await checkpoint.readF32(absmaxKey)
  if (absmax instanceof Float32Array) checkScales(absmaxKey, absmax)
  const nested =
    nestedOffset === undefined ? undefined : { absmax: await checkpoint.readF32(nestedKey), offset: nestedOffset }
  if (nested) checkScales(nestedKey, nested.absmax)
  return withCodes(device, checkpoint, { name, shape: [end - begin], label: `${type} codes` }, (codes) => {
    return fourBitFromStored(device, shape, { type, blockSize, sourceDType, codes, absmax, ...(nested && { nested }) })
  })
}

/** Bytes that a state may take; those of bitsandbytes take about 200. */
const mostStateBytes = 65536

/**
 * @throws MedAwareError `format` where a state is too long, or says another thing than the names beside the weight; as
 * `parseQuantState`.
 */
export async function readQuantState(checkpoint: Checkpoint, found: FoundState): Promise<QuantState> {
  const { begin, end } = checkpoint.info(found.key)
  check(end - begin <= mostStateBytes, 'format', () => {
    return `${found.key}: ${end - begin} bytes; a state of bitsandbytes has at most ${mostStateBytes}`
  })
  const state = parseQuantState(await checkpoint.readBytes(found.key))
  const isNested = state.nestedOffset !== undefined
  check(state.quantType === found.quantType && isNested === found.nested, 'format', () => {
    const says = `${state.quantType} with ${isNested ? 'double-quantised' : 'single'} scales`
    return `${found.key}: it says ${says}, which is not what stands beside it`
  })
  return state
}
