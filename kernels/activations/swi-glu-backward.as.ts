// dUp = dOut · silu(gate), dGate = dOut · up · s · (1 + gate · (1 - s)), s = 1 / (1 + e^-gate). One item is 4 elements.
import { sigmoid4 } from '../shared/math.as.ts'
import { loadPart, madd, storePart } from '../shared/simd.as.ts'

export function swiGluBackward(
  dOut: usize,
  gate: usize,
  up: usize,
  dGate: usize,
  dUp: usize,
  count: u32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  const one = f32x4.splat(1)
  for (let i = begin << 2; i < last; i += 4) {
    const at: usize = i << 2
    const left = last - i
    const d = loadPart(dOut + at, left)
    const g = loadPart(gate + at, left)
    const s = sigmoid4(g)
    const slope = f32x4.mul(s, madd(g, f32x4.sub(one, s), one))
    storePart(dGate + at, f32x4.mul(f32x4.mul(d, loadPart(up + at, left)), slope), left)
    storePart(dUp + at, f32x4.mul(d, f32x4.mul(g, s)), left)
  }
}
