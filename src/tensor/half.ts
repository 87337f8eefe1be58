import { check } from '../core/errors.ts'
import { f32ToF16 } from '../core/float16.ts'
import type { Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import { fromArray, type Tensor } from './tensor.ts'

/**
 * A frozen f16 tensor of `values`, rounded to nearest, ties to even.
 * @throws MedAwareError `numeric` where one is not finite in f16.
 */
export function halfFromArray(device: Device, values: Float32Array, shape: Shape, label: string): Tensor {
  return halfFromBits(device, f32ToF16(values), shape, label)
}

/** The same of values that are f16 already, as their bits. @throws MedAwareError `numeric` where one is not finite. */
export function halfFromBits(device: Device, bits: Uint16Array, shape: Shape, label: string): Tensor {
  const bad = bits.findIndex((half) => (half & 0x7c00) === 0x7c00)
  check(bad < 0, 'numeric', () => {
    return `${label}: element ${bad} is not finite in f16, whose largest number is 65504; store it in f32`
  })
  return fromArray(device, bits, shape, label)
}
