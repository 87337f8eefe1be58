// dX = dOut · f'(x) by out = f(x): 1 where out > 0 of kind 0, out (1 - out) of kind 1, 1 - out² of kind 2. One item is
// 4 elements.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function activateBackward(
  dOut: usize,
  out: usize,
  dX: usize,
  count: u32,
  kind: u32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  const zero = f32x4.splat(0)
  const one = f32x4.splat(1)
  for (let i = begin << 2; i < last; i += 4) {
    const at: usize = i << 2
    const y = loadPart(out + at, last - i)
    let slope: v128
    if (kind === 0) slope = v128.and(one, f32x4.gt(y, zero))
    else if (kind === 1) slope = f32x4.mul(y, f32x4.sub(one, y))
    else slope = f32x4.sub(one, f32x4.mul(y, y))
    storePart(dX + at, f32x4.mul(loadPart(dOut + at, last - i), slope), last - i)
  }
}
