// out = f(x): max(x, 0) of kind 0, σ(x) = 1 / (1 + e^-x) of kind 1, tanh(x) = 2 σ(2x) - 1 of kind 2. One item is 4
// elements.
import { sigmoid4 } from '../shared/math.as.ts'
import { loadPart, storePart } from '../shared/simd.as.ts'

export function activate(x: usize, out: usize, count: u32, kind: u32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  const zero = f32x4.splat(0)
  const one = f32x4.splat(1)
  for (let i = begin << 2; i < last; i += 4) {
    const v = loadPart(x + (i << 2), last - i)
    let y: v128
    if (kind === 0) y = f32x4.pmax(v, zero)
    else if (kind === 1) y = sigmoid4(v)
    else {
      const half = sigmoid4(f32x4.add(v, v))
      y = f32x4.sub(f32x4.add(half, half), one)
    }
    storePart(out + (i << 2), y, last - i)
  }
}
