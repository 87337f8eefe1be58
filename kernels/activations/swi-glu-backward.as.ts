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
  let i = begin << 2
  // Two at a time: V8 makes pairs of them in the build `wide`.
  for (; i + 8 <= last; i += 8) {
    const at: usize = i << 2
    const d = v128.load(dOut + at)
    const e = v128.load(dOut + at, 16)
    const g = v128.load(gate + at)
    const h = v128.load(gate + at, 16)
    const s = sigmoid4(g)
    const t = sigmoid4(h)
    const gateLow = f32x4.mul(f32x4.mul(d, v128.load(up + at)), slopeOf(g, s))
    const gateHigh = f32x4.mul(f32x4.mul(e, v128.load(up + at, 16)), slopeOf(h, t))
    const upLow = f32x4.mul(d, f32x4.mul(g, s))
    const upHigh = f32x4.mul(e, f32x4.mul(h, t))
    v128.store(dGate + at, gateLow)
    v128.store(dGate + at, gateHigh, 16)
    v128.store(dUp + at, upLow)
    v128.store(dUp + at, upHigh, 16)
  }
  for (; i < last; i += 4) {
    const at: usize = i << 2
    const left = last - i
    const d = loadPart(dOut + at, left)
    const g = loadPart(gate + at, left)
    const s = sigmoid4(g)
    storePart(dGate + at, f32x4.mul(f32x4.mul(d, loadPart(up + at, left)), slopeOf(g, s)), left)
    storePart(dUp + at, f32x4.mul(d, f32x4.mul(g, s)), left)
  }
}

// @inline
function slopeOf(gate: v128, s: v128): v128 {
  const one = f32x4.splat(1)
  return f32x4.mul(s, madd(gate, f32x4.sub(one, s), one))
}
