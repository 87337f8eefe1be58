// out[o,i] = Σ over the axis of x[o,axis,i]; x [outer,axis,inner], out [outer,inner]. Sums of single numbers go in f64.
// One item is 4 sums.
import { loadPart, storePart, sumWide, widen } from '../shared/simd.as.ts'

export function sumAxis(x: usize, out: usize, outer: u32, axis: u32, inner: u32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, outer * inner)
  let at = begin << 2
  if (inner == 1) {
    for (; at < last; at++) {
      const row = x + ((at * axis) << 2)
      let total = f64x2.splat(0)
      for (let k: u32 = 0; k < axis; k += 4) total = widen(total, loadPart(row + (k << 2), axis - k))
      store<f32>(out + (at << 2), <f32>sumWide(total))
    }
    return
  }
  while (at < last) {
    const o = at / inner
    const i = at - o * inner
    const n = min<u32>(min<u32>(inner - i, last - at), 4)
    let from = x + ((o * axis * inner + i) << 2)
    let total = f32x4.splat(0)
    for (let k: u32 = 0; k < axis; k++, from += inner << 2) total = f32x4.add(total, loadPart(from, n))
    storePart(out + (at << 2), total, n)
    at += n
  }
}
