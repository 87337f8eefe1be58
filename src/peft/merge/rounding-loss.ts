import type { Weight } from '../../nn/module.ts'
import { dequantize } from '../../ops/dequantize.ts'
import { rootedMatrix, storageOf } from '../../tensor/matrix.ts'
import { Tensor } from '../../tensor/tensor.ts'

/** What rounding to 16 bits or fewer left of a merged update. */
export interface RoundingLoss {
  /** The layer. */
  readonly path: string
  /** Elements of its weight, and those that are stored otherwise than before: other codes, or other numbers. */
  readonly codes: number
  readonly codesChanged: number
  /**
   * How much of the update is there: the change of the stored weight, projected on the update, over the update. 1: all
   * of it; 0: none.
   */
  readonly projection: number
  /** The cosine between the two: how much of what changed is the update, and not rounding. */
  readonly cosine: number
}

/**
 * Compares a stored weight with the one it takes the place of. @param update f32, what was to be added to `before`, on
 * the host.
 */
export async function roundingLoss(
  path: string,
  before: Weight,
  now: Weight,
  update: Float32Array,
): Promise<RoundingLoss> {
  const codesChanged = await changedElements(before, now)
  const [was, is] = [await valuesOf(before), await valuesOf(now)]
  let [dot, changed, wanted] = [0, 0, 0]
  for (let i = 0; i < update.length; i++) {
    const change = (is[i] ?? NaN) - (was[i] ?? NaN)
    const want = update[i] ?? NaN
    dot += change * want
    changed += change * change
    wanted += want * want
  }
  const cosine = changed === 0 || wanted === 0 ? 0 : dot / Math.sqrt(changed * wanted)
  return { path, codes: before.count, codesChanged, projection: wanted === 0 ? 1 : dot / wanted, cosine }
}

/** The losses of all layers in one, elements counted alike. */
export function totalLoss(losses: readonly RoundingLoss[]): Omit<RoundingLoss, 'path'> {
  const codes = losses.reduce((sum, each) => sum + each.codes, 0)
  const mean = (of: (each: RoundingLoss) => number) =>
    losses.reduce((sum, each) => sum + of(each) * each.codes, 0) / Math.max(1, codes)
  return {
    codes,
    codesChanged: losses.reduce((sum, each) => sum + each.codesChanged, 0),
    projection: mean(({ projection }) => projection),
    cosine: mean(({ cosine }) => cosine),
  }
}

/** The values of a weight, f32. */
export async function valuesOf(weight: Weight): Promise<Float32Array> {
  const full = rootedMatrix(weight.device, () => dequantize(weight))
  try {
    return await full.read()
  } finally {
    full.dispose()
  }
}

/** Elements that are stored otherwise now: codes of a format of few bits, else numbers. */
async function changedElements(before: Weight, now: Weight): Promise<number> {
  // GGUF's blocks of 4 to 6 bits have codes' bits in several bytes.
  if (before instanceof Tensor || now instanceof Tensor || storageOf(before).scaling > 1) {
    const [a, b] = [await valuesOf(before), await valuesOf(now)]
    return a.reduce((count, value, i) => count + Number(value !== b[i]), 0)
  }
  const { codes, bits } = storageOf(before)
  const [a, b] = [await codes.readBytes(), await storageOf(now).codes.readBytes()]
  return a.reduce((count, byte, i) => count + changedCodes(byte ^ (b[i] ?? 0), bits), 0)
}

/** Codes that differ in a byte, of which one of 4 bits holds two. @param bits Those that differ. */
function changedCodes(difference: number, bits: number): number {
  if (bits !== 4) return Number(difference !== 0)
  return Number((difference & 0xf0) !== 0) + Number((difference & 0x0f) !== 0)
}
