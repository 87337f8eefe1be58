import { check } from '../../core/errors.ts'
import { optionsOf, quantizeMatrix } from '../../formats/quantize-matrix.ts'
import type { Weight } from '../../nn/module.ts'
import { type HalfType, isHalf, roundToHalf } from '../../tensor/half.ts'
import { isFull, rootedMatrix } from '../../tensor/matrix.ts'
import { fromArray, Tensor } from '../../tensor/tensor.ts'

/** What merged weights are stored in: one precision, or 'base', each as the weight it came from. */
export type MergedType = 'f32' | HalfType | 'base'

/**
 * Stores a merged weight, once rounded. It belongs to nobody; `full` itself where nothing is rounded.
 * @param full f32. @param like What it came from.
 * @throws MedAwareError `numeric` where a number is too large for 16 bits, `memory`.
 */
export async function storeMerged(path: string, full: Tensor, like: Weight, dtype: MergedType): Promise<Weight> {
  const half = dtype === 'base' ? like instanceof Tensor && isHalf(like.dtype) && like.dtype : dtype !== 'f32' && dtype
  if (half === false && (dtype === 'f32' || isFull(like))) return full
  const { device, shape } = full
  if (half !== false) {
    const bits = roundToHalf(await full.read(), half, path)
    return device.memory.rooted(() => fromArray(device, bits, shape, path, half))
  }
  check(!(like instanceof Tensor), 'unsupported', () => `${path}: a merged weight is not stored as integers`)
  return rootedMatrix(device, () => quantizeMatrix(full, optionsOf(like.recipe)))
}
