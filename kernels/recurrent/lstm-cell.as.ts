// A step of an LSTM, torch's, on one sequence: row `row` of gates[t,4h] (i, f, g, o), which has W x + b, takes
// weight[4h, h] · out[before] in; cells[row] = σ(f) cells[before] + σ(i) tanh(g), out[row] = σ(o) tanh(cells[row]).
// Without hasBefore the state before is 0. One item is a unit of h.
import { sigmoid4 } from '../shared/math.as.ts'
import { loadPart, madd, sumFour } from '../shared/simd.as.ts'

export function lstmCell(
  weight: usize,
  gates: usize,
  cells: usize,
  out: usize,
  hidden: u32,
  row: u32,
  before: u32,
  hasBefore: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = hidden << 2
  const state = out + before * bytes
  for (let unit = begin; unit < end; unit++) {
    let i = f32x4.splat(0)
    let f = i
    let g = i
    let o = i
    if (hasBefore) {
      const w = weight + unit * bytes
      const step: usize = hidden * bytes
      for (let k: u32 = 0; k < hidden; k += 4) {
        const at: usize = k << 2
        const left = hidden - k
        const s = loadPart(state + at, left)
        i = madd(s, loadPart(w + at, left), i)
        f = madd(s, loadPart(w + step + at, left), f)
        g = madd(s, loadPart(w + 2 * step + at, left), g)
        o = madd(s, loadPart(w + 3 * step + at, left), o)
      }
    }
    const at: usize = unit << 2
    const own = gates + 4 * row * bytes + at
    let z = f32x4.splat(load<f32>(own))
    z = f32x4.replace_lane(z, 1, load<f32>(own + bytes))
    z = f32x4.replace_lane(z, 2, load<f32>(own + 2 * bytes))
    z = f32x4.replace_lane(z, 3, load<f32>(own + 3 * bytes))
    z = f32x4.add(z, sumFour(i, f, g, o))
    store<f32>(own, f32x4.extract_lane(z, 0))
    store<f32>(own + bytes, f32x4.extract_lane(z, 1))
    store<f32>(own + 2 * bytes, f32x4.extract_lane(z, 2))
    store<f32>(own + 3 * bytes, f32x4.extract_lane(z, 3))
    // tanh(x) = 2 σ(2x) - 1.
    const s = sigmoid4(f32x4.replace_lane(z, 2, 2 * f32x4.extract_lane(z, 2)))
    let cell = f32x4.extract_lane(s, 0) * (2 * f32x4.extract_lane(s, 2) - 1)
    if (hasBefore) cell += f32x4.extract_lane(s, 1) * load<f32>(cells + before * bytes + at)
    store<f32>(cells + row * bytes + at, cell)
    const half = sigmoid4(f32x4.splat(2 * cell))
    store<f32>(out + row * bytes + at, f32x4.extract_lane(s, 3) * (2 * f32x4.extract_lane(half, 0) - 1))
  }
}
