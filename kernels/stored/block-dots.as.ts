import { madd, sumLanes } from '../shared/simd.as.ts'
import { decodeScales } from './block-scales.as.ts'
import { bits, codeBytes, codes, evenCodes, oddCodes, scaling } from './blocks.as.ts'

// One row times rows of GGUF's blocks, 32 values at a time: Σ x · (scale · code + least) over a block is
// scale · Σ x · code + least · Σ x, of which the last sum is the same for all rows.

/** Values for whose blocks the scratch has room. */
const MOST: u32 = 65536
/** Bytes of scratch for a number of each 16 values. */
const NUMBERS: u32 = (MOST >> 4) << 2

/** Bytes of scratch that `dotBlockRows` needs: sums of x, a row's scales and what it adds. */
export const BLOCK_DOTS_BYTES: u32 = 3 * NUMBERS + 16

/** Whether `dotBlockRows` takes rows of `count` values. */
export function fitsBlockDots(count: u32): bool {
  return (count & 31) == 0 && count <= MOST
}

/** Writes the sum of each 32 factors, and zeros up to four numbers. */
function sumBlocks(a: usize, count: u32, to: usize): void {
  v128.store(to + ((count >> 7) << 4), i32x4.splat(0))
  for (const last = a + (count << 2); a < last; a += 128, to += 4) {
    let sum = f32x4.splat(0)
    for (let i: u32 = 0; i < 128; i += 16) sum = f32x4.add(sum, v128.load(a + i))
    store<f32>(to, sumLanes(sum))
  }
}

/** Σ of products of 16 factors at `x` with 16 codes, of which `even` and `odd` have each four: four sums. */
function sixteen(x: usize, even: v128, odd: v128): v128 {
  let s = f32x4.mul(v128.load(x), f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(even)))
  let t = f32x4.mul(v128.load(x, 16), f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(odd)))
  s = madd(v128.load(x, 32), f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(even)), s)
  t = madd(v128.load(x, 48), f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(odd)), t)
  return f32x4.add(s, t)
}

/**
 * sums[r] = Σ a[i] · value[start + r · count + i] for `rows` rows. `spare`: BLOCK_DOTS_BYTES of scratch.
 */
export function dotBlockRows(a: usize, start: u32, count: u32, rows: u32, sums: usize, spare: usize): void {
  if (bits == 4) dotCodes<u8>(a, start, count, rows, sums, spare)
  else if (bits == 5) dotCodes<u16>(a, start, count, rows, sums, spare)
  else dotCodes<u32>(a, start, count, rows, sums, spare)
}

/** The same; T as for `evenCodes`. Codes of 6 bits alone have a scale for each 16. */
function dotCodes<T>(a: usize, start: u32, count: u32, rows: u32, sums: usize, spare: usize): void {
  const scales = spare + NUMBERS
  const leasts = scales + NUMBERS
  const hasLeast = (scaling & 1) != 0
  if (hasLeast) sumBlocks(a, count, spare)
  let from = codes + (start >> 5) * codeBytes<T>()
  for (let r: u32 = 0; r < rows; r++) {
    decodeScales((start + r * count) >> 4, count, scales, leasts)
    let total = f32x4.splat(0)
    let scale = scales
    for (let x = a, last = a + (count << 2); x < last; x += 128, from += codeBytes<T>()) {
      const even = evenCodes<T>(from)
      const odd = oddCodes<T>(from)
      const first = sixteen(x, i16x8.extend_low_i8x16_s(even), i16x8.extend_low_i8x16_s(odd))
      const second = sixteen(x + 64, i16x8.extend_high_i8x16_s(even), i16x8.extend_high_i8x16_s(odd))
      if (sizeof<T>() == 4) {
        total = madd(v128.load32_splat(scale), first, total)
        total = madd(v128.load32_splat(scale, 4), second, total)
        scale += 8
      } else {
        total = madd(v128.load32_splat(scale), f32x4.add(first, second), total)
        scale += 4
      }
    }
    if (hasLeast) {
      for (let b: u32 = 0; b < count >> 5; b += 4) {
        total = madd(v128.load(leasts + (b << 2)), v128.load(spare + (b << 2)), total)
      }
    }
    store<f32>(sums + (r << 2), sumLanes(total))
  }
}
