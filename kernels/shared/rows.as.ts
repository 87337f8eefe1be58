import { loadPart, madd, storePart, sumFour, sumLanes } from './simd.as.ts'

// One row against many: the products of which attention and single-token matrix products consist.

/** Σ a[i] · b[i]. */
export function dot(a: usize, b: usize, count: u32): f32 {
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let i: u32 = 0
  for (; i + 16 <= count; i += 16) {
    const p = a + (i << 2)
    const q = b + (i << 2)
    s0 = madd(v128.load(p), v128.load(q), s0)
    s1 = madd(v128.load(p, 16), v128.load(q, 16), s1)
    s2 = madd(v128.load(p, 32), v128.load(q, 32), s2)
    s3 = madd(v128.load(p, 48), v128.load(q, 48), s3)
  }
  for (; i < count; i += 4) s0 = madd(loadPart(a + (i << 2), count - i), loadPart(b + (i << 2), count - i), s0)
  return sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)))
}

/**
 * sums[r,c] += Σ over i of a[r,i] · b[c,i] for up to 4 rows of a and up to 2 of b, which lie `aBytes`, `bBytes` and
 * `sumBytes` apart.
 */
export function addDots(
  a: usize,
  aBytes: u32,
  rows: u32,
  b: usize,
  bBytes: u32,
  columns: u32,
  count: u32,
  sums: usize,
  sumBytes: u32,
): void {
  if (rows < 3) {
    for (let c: u32 = 0; c < columns; c++) {
      const row = b + c * bBytes
      const to = sums + (c << 2)
      store<f32>(to, load<f32>(to) + dot(a, row, count))
      if (rows == 2) store<f32>(to + sumBytes, load<f32>(to + sumBytes) + dot(a + aBytes, row, count))
    }
    return
  }
  const a1 = a + aBytes
  const a2 = a1 + aBytes
  const a3 = rows > 3 ? a2 + aBytes : a2
  const b1 = columns > 1 ? b + bBytes : b
  let s00 = f32x4.splat(0)
  let s01 = s00
  let s10 = s00
  let s11 = s00
  let s20 = s00
  let s21 = s00
  let s30 = s00
  let s31 = s00
  let x = s00
  let y0 = s00
  let y1 = s00
  let at: u32 = 0
  // The exit makes two blocks of two steps: see `tile` in tile.as.ts.
  const last = (count & ~3) << 2
  while (at < last) {
    const p0 = a + at
    const p1 = a1 + at
    const p2 = a2 + at
    const p3 = a3 + at
    const q0 = b + at
    const q1 = b1 + at
    y0 = v128.load(q0)
    y1 = v128.load(q1)
    x = v128.load(p0)
    s00 = madd(x, y0, s00)
    s01 = madd(x, y1, s01)
    x = v128.load(p1)
    s10 = madd(x, y0, s10)
    s11 = madd(x, y1, s11)
    x = v128.load(p2)
    s20 = madd(x, y0, s20)
    s21 = madd(x, y1, s21)
    x = v128.load(p3)
    s30 = madd(x, y0, s30)
    s31 = madd(x, y1, s31)
    at += 16
    if (at >= last) break
    y0 = v128.load(q0, 16)
    y1 = v128.load(q1, 16)
    x = v128.load(p0, 16)
    s00 = madd(x, y0, s00)
    s01 = madd(x, y1, s01)
    x = v128.load(p1, 16)
    s10 = madd(x, y0, s10)
    s11 = madd(x, y1, s11)
    x = v128.load(p2, 16)
    s20 = madd(x, y0, s20)
    s21 = madd(x, y1, s21)
    x = v128.load(p3, 16)
    s30 = madd(x, y0, s30)
    s31 = madd(x, y1, s31)
    at += 16
  }
  const left = count & 3
  if (left) {
    y0 = loadPart(b + at, left)
    y1 = loadPart(b1 + at, left)
    x = loadPart(a + at, left)
    s00 = madd(x, y0, s00)
    s01 = madd(x, y1, s01)
    x = loadPart(a1 + at, left)
    s10 = madd(x, y0, s10)
    s11 = madd(x, y1, s11)
    x = loadPart(a2 + at, left)
    s20 = madd(x, y0, s20)
    s21 = madd(x, y1, s21)
    x = loadPart(a3 + at, left)
    s30 = madd(x, y0, s30)
    s31 = madd(x, y1, s31)
  }
  const upper = sumFour(s00, s01, s10, s11)
  const lower = sumFour(s20, s21, s30, s31)
  addPair(sums, upper, columns)
  addPair(sums + sumBytes, v128.shuffle<f32>(upper, upper, 2, 3, 2, 3), columns)
  addPair(sums + 2 * sumBytes, lower, columns)
  if (rows > 3) addPair(sums + 3 * sumBytes, v128.shuffle<f32>(lower, lower, 2, 3, 2, 3), columns)
}

function addPair(to: usize, pair: v128, columns: u32): void {
  storePart(to, f32x4.add(pair, loadPart(to, columns)), columns)
}

/** to[j] = Σ over i of a[i] · row j[i], for `count` rows that lie `rowBytes` apart. */
export function dotRows(a: usize, rows: usize, rowBytes: u32, count: u32, dim: u32, to: usize): void {
  const whole = dim & ~3
  let j: u32 = 0
  for (; j + 4 <= count; j += 4) {
    const r0 = rows + j * rowBytes
    const r1 = r0 + rowBytes
    const r2 = r1 + rowBytes
    const r3 = r2 + rowBytes
    let s0 = f32x4.splat(0)
    let s1 = s0
    let s2 = s0
    let s3 = s0
    let at: u32 = 0
    for (const last = whole << 2; at < last; at += 16) {
      const x = v128.load(a + at)
      s0 = madd(x, v128.load(r0 + at), s0)
      s1 = madd(x, v128.load(r1 + at), s1)
      s2 = madd(x, v128.load(r2 + at), s2)
      s3 = madd(x, v128.load(r3 + at), s3)
    }
    if (whole < dim) {
      const left = dim - whole
      const x = loadPart(a + at, left)
      s0 = madd(x, loadPart(r0 + at, left), s0)
      s1 = madd(x, loadPart(r1 + at, left), s1)
      s2 = madd(x, loadPart(r2 + at, left), s2)
      s3 = madd(x, loadPart(r3 + at, left), s3)
    }
    v128.store(to + (j << 2), sumFour(s0, s1, s2, s3))
  }
  for (; j < count; j++) store<f32>(to + (j << 2), dot(a, rows + j * rowBytes, dim))
}

/** out = Σ over j of weights[j] · row j, for `count` rows that lie `rowBytes` apart. */
export function addRows(weights: usize, rows: usize, rowBytes: u32, count: u32, dim: u32, out: usize): void {
  const zero = f32x4.splat(0)
  const last = weights + (count << 2)
  let i: u32 = 0
  for (; i + 16 <= dim; i += 16) {
    const to = out + (i << 2)
    let row = rows + (i << 2)
    let s0 = zero
    let s1 = zero
    let s2 = zero
    let s3 = zero
    for (let w = weights; w < last; w += 4, row += rowBytes) {
      const x = v128.load32_splat(w)
      s0 = madd(x, v128.load(row), s0)
      s1 = madd(x, v128.load(row, 16), s1)
      s2 = madd(x, v128.load(row, 32), s2)
      s3 = madd(x, v128.load(row, 48), s3)
    }
    v128.store(to, s0)
    v128.store(to, s1, 16)
    v128.store(to, s2, 32)
    v128.store(to, s3, 48)
  }
  for (; i < dim; i += 4) {
    const left = dim - i
    const to = out + (i << 2)
    let row = rows + (i << 2)
    let s = zero
    for (let w = weights; w < last; w += 4, row += rowBytes) s = madd(v128.load32_splat(w), loadPart(row, left), s)
    storePart(to, s, left)
  }
}

/** sums += w0 · row 0 + w1 · row 1 + … of up to 4 weights and rows of `count` numbers: one pass over long rows. */
export function addFourRows(weights: usize, rows: usize, rowBytes: u32, used: u32, count: u32, sums: usize): void {
  const zero = f32x4.splat(0)
  const w0 = v128.load32_splat(weights)
  const w1 = used > 1 ? v128.load32_splat(weights, 4) : zero
  const w2 = used > 2 ? v128.load32_splat(weights, 8) : zero
  const w3 = used > 3 ? v128.load32_splat(weights, 12) : zero
  const r1 = used > 1 ? rowBytes : 0
  const r2 = used > 2 ? 2 * rowBytes : 0
  const r3 = used > 3 ? 3 * rowBytes : 0
  let i: u32 = 0
  for (; i + 8 <= count; i += 8) {
    const row = rows + (i << 2)
    const to = sums + (i << 2)
    let low = madd(w0, v128.load(row), v128.load(to))
    let high = madd(w0, v128.load(row, 16), v128.load(to, 16))
    low = madd(w1, v128.load(row + r1), low)
    high = madd(w1, v128.load(row + r1, 16), high)
    low = madd(w2, v128.load(row + r2), low)
    high = madd(w2, v128.load(row + r2, 16), high)
    v128.store(to, madd(w3, v128.load(row + r3), low))
    v128.store(to, madd(w3, v128.load(row + r3, 16), high), 16)
  }
  for (; i < count; i += 4) {
    const row = rows + (i << 2)
    const left = count - i
    let s = madd(w0, loadPart(row, left), loadPart(sums + (i << 2), left))
    s = madd(w1, loadPart(row + r1, left), s)
    s = madd(w2, loadPart(row + r2, left), s)
    storePart(sums + (i << 2), madd(w3, loadPart(row + r3, left), s), left)
  }
}
