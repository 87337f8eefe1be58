// The way back through a step of lstmCell: d out[row] = dOut[row] + weightᵀ dGates[after] gives dGates[row], before the
// gates' functions, and what is left for the cell before in dCell[h], which has what comes from the step after. Without
// hasAfter, or hasBefore, there is no such step. One item is 4 units of h.
import { sigmoid4 } from '../shared/math.as.ts'
import { loadPart, madd, storePart } from '../shared/simd.as.ts'

export function lstmCellBackward(
  dOut: usize,
  gates: usize,
  cells: usize,
  weight: usize,
  dGates: usize,
  dCell: usize,
  hidden: u32,
  row: u32,
  before: u32,
  hasBefore: u32,
  after: u32,
  hasAfter: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = hidden << 2
  const first = begin << 2
  const last = min<u32>(end << 2, hidden)
  const zero = f32x4.splat(0)
  const one = f32x4.splat(1)
  const two = f32x4.splat(2)
  // The sums of this row stand where its first gate's gradients will.
  const sums = dGates + 4 * row * bytes
  for (let unit = first; unit < last; unit += 4) {
    storePart(sums + (unit << 2), loadPart(dOut + row * bytes + (unit << 2), last - unit), last - unit)
  }
  if (hasAfter) {
    const next = dGates + 4 * after * bytes
    for (let k: u32 = 0; k < 4 * hidden; k++) {
      const d = v128.load32_splat(next + (k << 2))
      const w = weight + k * bytes
      for (let unit = first; unit < last; unit += 4) {
        const at: usize = unit << 2
        const left = last - unit
        storePart(sums + at, madd(d, loadPart(w + at, left), loadPart(sums + at, left)), left)
      }
    }
  }
  for (let unit = first; unit < last; unit += 4) {
    const at: usize = unit << 2
    const left = last - unit
    const own = gates + 4 * row * bytes + at
    const d = loadPart(sums + at, left)
    const i = sigmoid4(loadPart(own, left))
    const f = sigmoid4(loadPart(own + bytes, left))
    // tanh(x) = 2 σ(2x) - 1.
    const g = f32x4.sub(f32x4.mul(two, sigmoid4(f32x4.mul(two, loadPart(own + 2 * bytes, left)))), one)
    const o = sigmoid4(loadPart(own + 3 * bytes, left))
    const cell = loadPart(cells + row * bytes + at, left)
    const squashed = f32x4.sub(f32x4.mul(two, sigmoid4(f32x4.mul(two, cell))), one)
    let dc = f32x4.mul(f32x4.mul(d, o), f32x4.sub(one, f32x4.mul(squashed, squashed)))
    if (hasAfter) dc = f32x4.add(dc, loadPart(dCell + at, left))
    const cellBefore = hasBefore ? loadPart(cells + before * bytes + at, left) : zero
    storePart(dCell + at, f32x4.mul(dc, f), left)
    const to = dGates + 4 * row * bytes + at
    storePart(to, f32x4.mul(f32x4.mul(dc, g), slope(i)), left)
    storePart(to + bytes, f32x4.mul(f32x4.mul(dc, cellBefore), slope(f)), left)
    storePart(to + 2 * bytes, f32x4.mul(f32x4.mul(dc, i), f32x4.sub(one, f32x4.mul(g, g))), left)
    storePart(to + 3 * bytes, f32x4.mul(f32x4.mul(d, squashed), slope(o)), left)
  }
}

/** Of σ(x), by itself. */
function slope(s: v128): v128 {
  return f32x4.mul(s, f32x4.sub(f32x4.splat(1), s))
}
