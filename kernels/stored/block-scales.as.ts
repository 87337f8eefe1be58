import { storeSplit } from '../shared/simd.as.ts'
import { absmax, halves, nested, NOTHING, scaleOf, scaling } from './blocks.as.ts'

/**
 * Writes the scales of `count` values from unit `unit` on, one for each 16 if scaling is 4 and else for each 32, four at
 * once; to `leasts` what is added, and zeros up to four numbers behind it. By themselves they take longer than codes.
 */
export function decodeScales(unit: u32, count: u32, scales: usize, leasts: usize): void {
  // What has a scale of its own: a unit, or two.
  const one: u32 = scaling == 4 ? 1 : 2
  const last = unit + (count >> 4)
  if (scaling == 5) {
    for (; unit + 4 * one <= last && !(unit & 7); unit += 8, scales += 16, leasts += 16) {
      const pair = halves(i32x4.extend_low_i16x8_s(v128.load32_splat(nested + ((unit >> 4) << 2))))
      const bytes = i16x8.extend_low_i8x16_u(v128.load64_zero(absmax + unit))
      const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(bytes))
      const high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(bytes))
      storeSplit(f32x4.mul(pair, low), f32x4.mul(pair, high), scales, leasts)
    }
  } else if (scaling == 4) {
    for (; unit + 4 * one <= last && !(unit & 3); unit += 4, scales += 16, leasts += 16) {
      const factor = v128.load32_splat(nested + ((unit >> 4) << 2))
      const bytes = i16x8.extend_low_i8x16_s(v128.load32_zero(absmax + unit))
      v128.store(scales, f32x4.mul(factor, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(bytes))))
      v128.store(leasts, f32x4.splat(NOTHING))
    }
  } else if (scaling == 3) {
    for (; unit + 4 * one <= last; unit += 8, scales += 16, leasts += 16) {
      const pairs = v128.load(absmax + (unit << 1))
      storeSplit(halves(i32x4.extend_low_i16x8_s(pairs)), halves(i32x4.extend_high_i16x8_s(pairs)), scales, leasts)
    }
  } else {
    for (; unit + 4 * one <= last; unit += 8, scales += 16, leasts += 16) {
      v128.store(scales, halves(i32x4.extend_low_i16x8_s(v128.load64_zero(absmax + unit))))
      v128.store(leasts, f32x4.splat(NOTHING))
    }
  }
  v128.store(leasts, i32x4.splat(0))
  for (; unit < last; unit += one, scales += 4, leasts += 4) {
    const pair = scaleOf(unit)
    store<f32>(scales, f32x4.extract_lane(pair, 0))
    store<f32>(leasts, f32x4.extract_lane(pair, 1))
  }
}
