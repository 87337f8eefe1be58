import type { DType } from '../core/dtype.ts'
import { check } from '../core/errors.ts'
import { f32ToBf16, f32ToF16, findNonFinite } from '../core/float16.ts'
import { arrayOf, oneOf, readArgument } from '../core/options.ts'
import type { Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import { fromArray, type Tensor } from './tensor.ts'

/** The formats of 16 bits: IEEE half precision, and the upper half of an f32. */
export type HalfType = 'f16' | 'bf16'

export function isHalf(dtype: DType): dtype is HalfType {
  return dtype === 'f16' || dtype === 'bf16'
}

/**
 * The bits of the numbers of a format that are nearest to `values`, ties to even.
 * @param label Of the tensor they are part of, for errors. @param begin Of its elements the first that is here.
 * Default 0.
 * @throws MedAwareError `numeric` where one is not finite in that format.
 */
export function roundToHalf(values: Float32Array, dtype: HalfType, label: string, begin = 0): Uint16Array {
  const bits = dtype === 'f16' ? f32ToF16(values) : f32ToBf16(values)
  const bad = findNonFinite(bits, dtype === 'f16' ? 0x7c00 : 0x7f80)
  check(bad < 0, 'numeric', () => {
    const largest = dtype === 'f16' ? '65504' : '3.39e38'
    return `${label}: element ${begin + bad} is not finite in ${dtype}, whose largest number is ${largest}; store it in f32`
  })
  return bits
}

const halfType = oneOf<HalfType>(['f16', 'bf16'])

/**
 * A frozen tensor of `values` in 16 bits.
 * @param label What errors and memory reports call it.
 * @param dtype Default 'f16'.
 * @throws MedAwareError as `roundToHalf`, `config`.
 */
export function halfFromArray(
  device: Device,
  values: Float32Array,
  shape: Shape,
  label = 'halfFromArray',
  dtype: HalfType = 'f16',
): Tensor {
  readArgument(label, 'values', values, arrayOf(Float32Array))
  readArgument(label, 'dtype', dtype, halfType)
  return fromArray(device, roundToHalf(values, dtype, label), shape, label, dtype)
}
