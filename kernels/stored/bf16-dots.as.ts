import { madd, storeSplit, sumLanes } from '../shared/simd.as.ts'

// One row times rows of bf16, four at a time: memory then has four streams to look ahead in, and each factor is loaded
// once for all four.

/** Values whose ordered factors the scratch has room for. */
const MOST: u32 = 65536

/** Bytes of scratch that `dotBf16Rows` needs: the factors in their order, and a mask. */
export const BF16_DOTS_BYTES: u32 = (MOST << 2) + 16

/** Whether `dotBf16Rows` takes rows of `count` values. */
export function fitsBf16Dots(count: u32): bool {
  return (count & 7) == 0 && count <= MOST
}

/** Of each eight factors those of even places first, as halves of words meet them. */
function order(a: usize, count: u32, to: usize): void {
  for (const last = a + (count << 2); a < last; a += 32, to += 32) {
    storeSplit(v128.load(a), v128.load(a, 16), to, to + 16)
  }
}

/** sums[r] = Σ a[i] · value[r · count + i] for `rows` rows at `codes`. `x`: BF16_DOTS_BYTES of scratch. */
export function dotBf16Rows(a: usize, codes: usize, count: u32, rows: u32, sums: usize, x: usize): void {
  order(a, count, x)
  const last = x + (count << 2)
  const bytes: usize = count << 1
  // From memory, since V8 makes a constant anew wherever it is used.
  v128.store(last, i32x4.splat(0xffff0000))
  const odd = v128.load(last)
  for (let r: u32 = 0; r < rows; r += 4, codes += bytes << 2, sums += 16) {
    const left = rows - r
    // Of fewer rows the last is taken again: a sum does not depend on how many there are.
    let from0 = codes
    let from1 = left > 1 ? from0 + bytes : from0
    let from2 = left > 2 ? from1 + bytes : from1
    let from3 = left > 3 ? from2 + bytes : from2
    let s0 = f32x4.splat(0)
    let t0 = s0
    let s1 = s0
    let t1 = s0
    let s2 = s0
    let t2 = s0
    let s3 = s0
    let t3 = s0
    for (let p = x; p < last; p += 32, from0 += 16, from1 += 16, from2 += 16, from3 += 16) {
      const even = v128.load(p)
      const uneven = v128.load(p, 16)
      let words = v128.load(from0)
      s0 = madd(even, i32x4.shl(words, 16), s0)
      t0 = madd(uneven, v128.and(words, odd), t0)
      words = v128.load(from1)
      s1 = madd(even, i32x4.shl(words, 16), s1)
      t1 = madd(uneven, v128.and(words, odd), t1)
      words = v128.load(from2)
      s2 = madd(even, i32x4.shl(words, 16), s2)
      t2 = madd(uneven, v128.and(words, odd), t2)
      words = v128.load(from3)
      s3 = madd(even, i32x4.shl(words, 16), s3)
      t3 = madd(uneven, v128.and(words, odd), t3)
    }
    store<f32>(sums, sumLanes(f32x4.add(s0, t0)))
    if (left > 1) store<f32>(sums, sumLanes(f32x4.add(s1, t1)), 4)
    if (left > 2) store<f32>(sums, sumLanes(f32x4.add(s2, t2)), 8)
    if (left > 3) store<f32>(sums, sumLanes(f32x4.add(s3, t3)), 12)
  }
}
