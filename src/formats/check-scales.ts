import { check } from '../core/errors.ts'
import { findNonFinite } from '../core/float16.ts'

/**
 * @param scales f32, or the bits of f16.
 * @throws MedAwareError `numeric` where a scale of a checkpoint is infinite or none, which would spoil all numbers that
 * share it.
 */
export function checkScales(key: string, scales: Float32Array | Uint16Array): void {
  const bad =
    scales instanceof Uint16Array
      ? findNonFinite(scales, 0x7c00)
      : findNonFinite(new Uint32Array(scales.buffer, scales.byteOffset, scales.length), 0x7f800000)
  check(bad < 0, 'numeric', () => `${key}: scale ${bad} of the checkpoint is NaN or infinite; the file is damaged`)
}
