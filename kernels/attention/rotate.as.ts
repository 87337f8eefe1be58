import { loadPart, storePart } from '../shared/simd.as.ts'

/**
 * Copies a head's row of `dim` numbers, turning channels d and d + dim/2 by the angles whose cosines, then sines, are
 * at `angles`; by their opposites where sign is -1, and not at all where `angles` is 0.
 */
export function rotateRow(from: usize, to: usize, angles: usize, dim: u32, sign: f32): void {
  if (!angles) {
    memory.copy(to, from, dim << 2)
    return
  }
  const half = dim >> 1
  const across: usize = half << 2
  const signs = f32x4.splat(sign)
  for (let d: u32 = 0; d < half; d += 4) {
    const at: usize = d << 2
    const left = half - d
    const cosines = loadPart(angles + at, left)
    const sines = f32x4.mul(signs, loadPart(angles + across + at, left))
    const x = loadPart(from + at, left)
    const y = loadPart(from + across + at, left)
    storePart(to + at, f32x4.sub(f32x4.mul(x, cosines), f32x4.mul(y, sines)), left)
    storePart(to + across + at, f32x4.add(f32x4.mul(y, cosines), f32x4.mul(x, sines)), left)
  }
}
