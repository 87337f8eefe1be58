// out = silu(gate) · up, silu(x) = x / (1 + e^-x). One item is 4 elements.
import { sigmoid4 } from '../shared/math.as.ts'
import { loadPart, storePart } from '../shared/simd.as.ts'

export function swiGlu(gate: usize, up: usize, out: usize, count: u32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  let i = begin << 2
  // Two at a time: V8 makes pairs of them in the build `wide`.
  for (; i + 8 <= last; i += 8) {
    const at: usize = i << 2
    const low = f32x4.mul(silu(v128.load(gate + at)), v128.load(up + at))
    const high = f32x4.mul(silu(v128.load(gate + at, 16)), v128.load(up + at, 16))
    v128.store(out + at, low)
    v128.store(out + at, high, 16)
  }
  for (; i < last; i += 4) {
    const at: usize = i << 2
    const left = last - i
    storePart(out + at, f32x4.mul(silu(loadPart(gate + at, left)), loadPart(up + at, left)), left)
  }
}

// @inline
function silu(x: v128): v128 {
  return f32x4.mul(x, sigmoid4(x))
}
