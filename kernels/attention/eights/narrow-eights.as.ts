import { madd } from '../../shared/simd.as.ts'

// Outer products of 4 rows and 8 columns: see narrow-tiles.as.ts for the shape of their loops.

/** to[r · 8 + c] = row r · eight's row c, for four rows. */
export function multiplyFour(r0: usize, r1: usize, r2: usize, r3: usize, eight: usize, dim: u32, to: usize): void {
  let c00 = f32x4.splat(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  let b0 = c00
  let b1 = c00
  let x = c00
  let b = eight
  const last = b + (dim << 5)
  while (b < last) {
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
    b += 32
    if (b >= last) break
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
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
    b += 32
    r0 += 8
    r1 += 8
    r2 += 8
    r3 += 8
  }
  v128.store(to, c00)
  v128.store(to, c01, 16)
  v128.store(to, c10, 32)
  v128.store(to, c11, 48)
  v128.store(to, c20, 64)
  v128.store(to, c21, 80)
  v128.store(to, c30, 96)
  v128.store(to, c31, 112)
}

/** sums[c] += Σ over r of weights[r · 8 + c] · 8 columns of row r of `count` rows, for four c. */
export function addFour(weights: usize, rows: usize, rowBytes: u32, count: u32, to: usize, toBytes: u32): void {
  let c00 = f32x4.splat(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  let b0 = c00
  let b1 = c00
  let x = c00
  let a = weights
  let b = rows
  const last = a + (count << 5)
  while (a < last) {
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
    x = v128.load32_splat(a)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    x = v128.load32_splat(a, 4)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    x = v128.load32_splat(a, 8)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    x = v128.load32_splat(a, 12)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    a += 32
    b += rowBytes
    if (a >= last) break
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
    x = v128.load32_splat(a)
    c00 = madd(x, b0, c00)
    c01 = madd(x, b1, c01)
    x = v128.load32_splat(a, 4)
    c10 = madd(x, b0, c10)
    c11 = madd(x, b1, c11)
    x = v128.load32_splat(a, 8)
    c20 = madd(x, b0, c20)
    c21 = madd(x, b1, c21)
    x = v128.load32_splat(a, 12)
    c30 = madd(x, b0, c30)
    c31 = madd(x, b1, c31)
    a += 32
    b += rowBytes
  }
  addPair(to, c00, c01)
  addPair(to + toBytes, c10, c11)
  addPair(to + 2 * toBytes, c20, c21)
  addPair(to + 3 * toBytes, c30, c31)
}

function addPair(to: usize, low: v128, high: v128): void {
  v128.store(to, f32x4.add(v128.load(to), low))
  v128.store(to, f32x4.add(v128.load(to, 16), high), 16)
}
