// out = dOut[0] · x / norm[0], count elements, where norm[0] = sqrt(Σ x²); 0 where that is 0. One item is 4 elements.
import { loadPart, storePart } from '../shared/simd.as.ts'

export function frobeniusNormBackward(
  dOut: usize,
  x: usize,
  norm: usize,
  out: usize,
  count: u32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  const by = f32x4.splat(load<f32>(norm) > 0 ? load<f32>(dOut) / load<f32>(norm) : 0)
  for (let i = begin << 2; i < last; i += 4) {
    storePart(out + (i << 2), f32x4.mul(by, loadPart(x + (i << 2), last - i)), last - i)
  }
}
