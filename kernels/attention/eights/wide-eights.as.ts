import { madd } from '../../shared/simd.as.ts'

// The same for the build `wide`, whose V8 makes pairs of vectors of them: eight sums of 256 bits keep a processor busy
// that begins two multiply-adds a cycle. See wide-tiles.as.ts.

/** to[r · 8 + c] = row r · eight's row c, for five to eight rows; of `to` eight are written. */
export function multiplyEightWide(rows: usize, rowBytes: u32, left: u32, eight: usize, dim: u32, to: usize): void {
  let r0 = rows
  let r1 = r0 + rowBytes
  let r2 = r1 + rowBytes
  let r3 = r2 + rowBytes
  let r4 = r3 + rowBytes
  let r5 = left > 5 ? r4 + rowBytes : r4
  let r6 = left > 6 ? r5 + rowBytes : r5
  let r7 = left > 7 ? r6 + rowBytes : r6
  let c00 = f32x4.splat(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  let c40 = c00
  let c41 = c00
  let c50 = c00
  let c51 = c00
  let c60 = c00
  let c61 = c00
  let c70 = c00
  let c71 = c00
  let b0 = c00
  let b1 = c00
  let x = c00
  let b = eight
  const last = b + (dim << 5)
  for (; b + 64 <= last; b += 64) {
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
    x = v128.load32_splat(r0)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    x = v128.load32_splat(r1)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    x = v128.load32_splat(r2)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    x = v128.load32_splat(r3)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    x = v128.load32_splat(r4)
    c40 = madd(x, b0, c40)
    c41 = madd(x, b1, c41)
    x = v128.load32_splat(r5)
    c50 = madd(x, b0, c50)
    c51 = madd(x, b1, c51)
    x = v128.load32_splat(r6)
    c60 = madd(x, b0, c60)
    c61 = madd(x, b1, c61)
    x = v128.load32_splat(r7)
    c70 = madd(x, b0, c70)
    c71 = madd(x, b1, c71)
    b0 = v128.load(b, 32)
    b1 = v128.load(b, 48)
    x = v128.load32_splat(r0, 4)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    x = v128.load32_splat(r1, 4)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    x = v128.load32_splat(r2, 4)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    x = v128.load32_splat(r3, 4)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    x = v128.load32_splat(r4, 4)
    c40 = madd(x, b0, c40)
    c41 = madd(x, b1, c41)
    x = v128.load32_splat(r5, 4)
    c50 = madd(x, b0, c50)
    c51 = madd(x, b1, c51)
    x = v128.load32_splat(r6, 4)
    c60 = madd(x, b0, c60)
    c61 = madd(x, b1, c61)
    x = v128.load32_splat(r7, 4)
    c70 = madd(x, b0, c70)
    c71 = madd(x, b1, c71)
    r0 += 8
    r1 += 8
    r2 += 8
    r3 += 8
    r4 += 8
    r5 += 8
    r6 += 8
    r7 += 8
  }
  for (; b < last; b += 32) {
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
    x = v128.load32_splat(r0)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    x = v128.load32_splat(r1)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    x = v128.load32_splat(r2)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    x = v128.load32_splat(r3)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    x = v128.load32_splat(r4)
    c40 = madd(x, b0, c40)
    c41 = madd(x, b1, c41)
    x = v128.load32_splat(r5)
    c50 = madd(x, b0, c50)
    c51 = madd(x, b1, c51)
    x = v128.load32_splat(r6)
    c60 = madd(x, b0, c60)
    c61 = madd(x, b1, c61)
    x = v128.load32_splat(r7)
    c70 = madd(x, b0, c70)
    c71 = madd(x, b1, c71)
    r0 += 4
    r1 += 4
    r2 += 4
    r3 += 4
    r4 += 4
    r5 += 4
    r6 += 4
    r7 += 4
  }
  v128.store(to, c00)
  v128.store(to, c01, 16)
  v128.store(to, c10, 32)
  v128.store(to, c11, 48)
  v128.store(to, c20, 64)
  v128.store(to, c21, 80)
  v128.store(to, c30, 96)
  v128.store(to, c31, 112)
  v128.store(to, c40, 128)
  v128.store(to, c41, 144)
  v128.store(to, c50, 160)
  v128.store(to, c51, 176)
  v128.store(to, c60, 192)
  v128.store(to, c61, 208)
  v128.store(to, c70, 224)
  v128.store(to, c71, 240)
}

/** sums[c] += Σ over r of weights[r · 8 + c] · 16 columns of row r of `count` rows, for four c. */
export function addFourWide(weights: usize, rows: usize, rowBytes: u32, count: u32, to: usize, toBytes: u32): void {
  let c00 = f32x4.splat(0)
  let c01 = c00
  let c02 = c00
  let c03 = c00
  let c10 = c00
  let c11 = c00
  let c12 = c00
  let c13 = c00
  let c20 = c00
  let c21 = c00
  let c22 = c00
  let c23 = c00
  let c30 = c00
  let c31 = c00
  let c32 = c00
  let c33 = c00
  let b = rows
  for (let a = weights, last = a + (count << 5); a < last; a += 32, b += rowBytes) {
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    const b2 = v128.load(b, 32)
    const b3 = v128.load(b, 48)
    let x = v128.load32_splat(a)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    c02 = madd(x, b2, c02)
    c03 = madd(x, b3, c03)
    x = v128.load32_splat(a, 4)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    c12 = madd(x, b2, c12)
    c13 = madd(x, b3, c13)
    x = v128.load32_splat(a, 8)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    c22 = madd(x, b2, c22)
    c23 = madd(x, b3, c23)
    x = v128.load32_splat(a, 12)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    c32 = madd(x, b2, c32)
    c33 = madd(x, b3, c33)
  }
  const to1 = to + toBytes
  const to2 = to1 + toBytes
  const to3 = to2 + toBytes
  c00 = f32x4.add(c00, v128.load(to))
  c01 = f32x4.add(c01, v128.load(to, 16))
  c02 = f32x4.add(c02, v128.load(to, 32))
  c03 = f32x4.add(c03, v128.load(to, 48))
  c10 = f32x4.add(c10, v128.load(to1))
  c11 = f32x4.add(c11, v128.load(to1, 16))
  c12 = f32x4.add(c12, v128.load(to1, 32))
  c13 = f32x4.add(c13, v128.load(to1, 48))
  c20 = f32x4.add(c20, v128.load(to2))
  c21 = f32x4.add(c21, v128.load(to2, 16))
  c22 = f32x4.add(c22, v128.load(to2, 32))
  c23 = f32x4.add(c23, v128.load(to2, 48))
  c30 = f32x4.add(c30, v128.load(to3))
  c31 = f32x4.add(c31, v128.load(to3, 16))
  c32 = f32x4.add(c32, v128.load(to3, 32))
  c33 = f32x4.add(c33, v128.load(to3, 48))
  v128.store(to, c00)
  v128.store(to, c01, 16)
  v128.store(to, c02, 32)
  v128.store(to, c03, 48)
  v128.store(to1, c10)
  v128.store(to1, c11, 16)
  v128.store(to1, c12, 32)
  v128.store(to1, c13, 48)
  v128.store(to2, c20)
  v128.store(to2, c21, 16)
  v128.store(to2, c22, 32)
  v128.store(to2, c23, 48)
  v128.store(to3, c30)
  v128.store(to3, c31, 16)
  v128.store(to3, c32, 32)
  v128.store(to3, c33, 48)
}
