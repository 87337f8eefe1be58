import { check } from '../core/errors.ts'
import { f32ToBf16, f32ToF16, findNonFinite } from '../core/float16.ts'
import type { Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import { fromArray, type Tensor } from './tensor.ts'

/** The formats of 16 bits: IEEE half precision, and the upper half of an f32. */
export type HalfType = 'f16' | 'bf16'

/** What is not finite has all these bits. */
const exponents: Readonly<Record<HalfType, number>> = { f16: 0x7c00, bf16: 0x7f80 }
const largest: Readonly<Record<HalfType, string>> = { f16: '65504', bf16: '3.39e38' }

/** The bits of the numbers of a format that are nearest to `values`, ties to even. */
export function roundToHalf(values: Float32Array, dtype: HalfType): Uint16Array {
  return dtype === 'f16' ? f32ToF16(values) : f32ToBf16(values)
}

/**
 * A frozen tensor of `values` in 16 bits, rounded to nearest, ties to even.
 * @param dtype Default 'f16'.
 * @throws MedAwareError `numeric` where one is not finite in that format.
 */
export function halfFromArray(
  device: Device,
  values: Float32Array,
  shape: Shape,
  label: string,
  dtype: HalfType = 'f16',
): Tensor {
  return halfFromBits(device, roundToHalf(values, dtype), shape, label, dtype)
}

/** The same of values that have the format already, as their bits. @throws MedAwareError `numeric` where one is not finite. */
export function halfFromBits(
  device: Device,
  bits: Uint16Array,
  shape: Shape,
  label: string,
  dtype: HalfType = 'f16',
): Tensor {
  checkHalf(bits, label, dtype)
  return fromArray(device, bits, shape, label, dtype)
}

/** Checks bits that a tensor is to hold from its element `begin` on. @throws MedAwareError `numeric` where one is not finite. */
export function checkHalf(bits: Uint16Array, label: string, dtype: HalfType, begin = 0): void {
  const bad = findNonFinite(bits, exponents[dtype])
  check(bad < 0, 'numeric', () => {
    return `${label}: element ${begin + bad} is not finite in ${dtype}, whose largest number is ${largest[dtype]}; store it in f32`
  })
}
