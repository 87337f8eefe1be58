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
  let i = begin << 2
  // Two at a time: V8 makes pairs of them in the build `wide`.
  for (; i + 8 <= last; i += 8) {
    const at: usize = i << 2
    const d = v128.load(dOut + at)
    const e = v128.load(dOut + at, 16)
    const g = v128.load(gate + at)
    const h = v128.load(gate + at, 16)
    const s = shareOf(g)
    const t = shareOf(h)
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
    const s = shareOf(g)
    storePart(dGate + at, f32x4.mul(f32x4.mul(d, loadPart(up + at, left)), slopeOf(g, s)), left)
    storePart(dUp + at, f32x4.mul(d, f32x4.mul(g, s)), left)
  }
}

/** What GELU lets through of a gate. */
// @inline
function shareOf(gate: v128): v128 {
  return sigmoid4(twiceU(within30(gate)))
}

// @inline
function slopeOf(gate: v128, s: v128): v128 {
  const x = within30(gate)
  // 1 - s, whose digits count where s is nearly 1.
  const rest = sigmoid4(f32x4.neg(twiceU(x)))
  const rise = f32x4.mul(f32x4.splat(1.5957691216), madd(f32x4.splat(0.134145), f32x4.mul(x, x), f32x4.splat(1)))
  return madd(f32x4.mul(x, rise), f32x4.mul(s, rest), s)
}
