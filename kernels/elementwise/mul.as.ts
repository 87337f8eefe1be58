// out = a · b over an array of [count / (d1 d2 d3),d1,d2,d3] elements; those of a lie a0..a3 apart along its axes, 0
// where it is the same along one, and those of b b0..b3. One item is 4 elements.
import { loadPart, storePart } from '../shared/simd.as.ts'
import { atRow } from '../shared/strides.as.ts'

export function mul(
  a: usize,
  b: usize,
  out: usize,
  count: u32,
  d1: u32,
  d2: u32,
  d3: u32,
  a0: u32,
  a1: u32,
  a2: u32,
  a3: u32,
  b0: u32,
  b1: u32,
  b2: u32,
  b3: u32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  let i = begin << 2
  while (i < last) {
    const row = i / d3
    const c = i - row * d3
    const n = min<u32>(d3 - c, last - i)
    const p = a + ((atRow(row, d1, d2, a0, a1, a2) + c * a3) << 2)
    const q = b + ((atRow(row, d1, d2, b0, b1, b2) + c * b3) << 2)
    const to = out + (i << 2)
    for (let k: u32 = 0; k < n; k += 4) {
      storePart(to + (k << 2), f32x4.mul(part(p, k, a3, n - k), part(q, k, b3, n - k)), n - k)
    }
    i += n
  }
}

/** Elements k to k + 3 of a row, as far as there are `left`, which lie `step` apart. */
function part(row: usize, k: u32, step: u32, left: u32): v128 {
  if (step == 1) return loadPart(row + (k << 2), left)
  if (step == 0) return v128.load32_splat(row)
  const from = row + ((k * step) << 2)
  const bytes = (<usize>step) << 2
  let v = v128.load32_zero(from)
  if (left > 1) v = v128.load32_lane(from + bytes, v, 1)
  if (left > 2) v = v128.load32_lane(from + 2 * bytes, v, 2)
  if (left > 3) v = v128.load32_lane(from + 3 * bytes, v, 3)
  return v
}
