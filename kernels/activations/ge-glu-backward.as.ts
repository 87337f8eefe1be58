// dUp = dOut · gelu(gate), dGate = dOut · up · (s + gate · s · (1 - s) · 2u'), s = σ(2u), u as in gelu-tanh.as.ts, u' =
// √(2/π) (1 + 3 · 0.044715 gate²). One item is 4 elements.
import { twiceU, within30 } from './gelu-tanh.as.ts'
import { sigmoid4 } from '../shared/math.as.ts'
import { loadPart, madd, storePart } from '../shared/simd.as.ts'

export function geGluBackward(
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
    const x = within30(g)
    const twice = twiceU(x)
    const s = sigmoid4(twice)
    // 1 - s, whose digits count where s is nearly 1.
    const rest = sigmoid4(f32x4.neg(twice))
    const rise = f32x4.mul(f32x4.splat(1.5957691216), madd(f32x4.splat(0.134145), f32x4.mul(x, x), one))
    const slope = madd(f32x4.mul(x, rise), f32x4.mul(s, rest), s)
    storePart(dGate + at, f32x4.mul(f32x4.mul(d, loadPart(up + at, left)), slope), left)
    storePart(dUp + at, f32x4.mul(d, f32x4.mul(g, s)), left)
  }
}
