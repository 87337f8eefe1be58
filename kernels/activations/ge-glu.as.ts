// out = gelu(gate) · up by the tanh approximation, gelu(x) = x · σ(twiceU(x)). One item is 4 elements.
import { twiceU, within30 } from './gelu-tanh.as.ts'
import { sigmoid4 } from '../shared/math.as.ts'
import { loadPart, storePart } from '../shared/simd.as.ts'

export function geGlu(gate: usize, up: usize, out: usize, count: u32, begin: u32, end: u32): void {
  const last = min<u32>(end << 2, count)
  for (let i = begin << 2; i < last; i += 4) {
    const at: usize = i << 2
    const g = loadPart(gate + at, last - i)
    const gelu = f32x4.mul(g, sigmoid4(twiceU(within30(g))))
    storePart(out + at, f32x4.mul(gelu, loadPart(up + at, last - i)), last - i)
  }
}
