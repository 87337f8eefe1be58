// losses[row] = log Σ exp(logits[row]) - Σ wanted · logits[row], 0 where label < 0; labels i32 [rows], logits
// [rows,vocab]; wanted = (1 - smoothing) · onehot(label) + smoothing / vocab. With writeGrad, logits become
// gradScale · (softmax(logits) - wanted), 0 where label < 0. One item is one row.
import { exp4 } from '../shared/math.as.ts'
import { loadPart, maxLane, storePart, sumWide, widen } from '../shared/simd.as.ts'

export function crossEntropy(
  labels: usize,
  logits: usize,
  losses: usize,
  rows: u32,
  vocab: u32,
  writeGrad: u32,
  gradScale: f32,
  smoothing: f32,
  begin: u32,
  end: u32,
): void {
  const whole = vocab & ~3
  for (let row = begin; row < end; row++) {
    const from = logits + row * (vocab << 2)
    const label = load<i32>(labels + (row << 2))
    if (label < 0) {
      store<f32>(losses + (row << 2), 0)
      if (writeGrad) memory.fill(from, 0, vocab << 2)
      continue
    }
    let largest = f32x4.splat(load<f32>(from))
    for (let c: u32 = 0; c < whole; c += 4) largest = f32x4.pmax(largest, v128.load(from + (c << 2)))
    for (let c = whole; c < vocab; c++) largest = f32x4.pmax(largest, v128.load32_splat(from + (c << 2)))
    const top = maxLane(largest)
    const tops = f32x4.splat(top)
    const picked = load<f32>(from + (label << 2))
    const depth = smoothing > 0 ? depthOf(from, vocab, top) : 0
    let sums = f64x2.splat(0)
    for (let c: u32 = 0; c < whole; c += 4) {
      const e = exp4(f32x4.sub(v128.load(from + (c << 2)), tops))
      sums = widen(sums, e)
      if (writeGrad) v128.store(from + (c << 2), e)
    }
    let sum = sumWide(sums)
    for (let c = whole; c < vocab; c++) {
      const e = f32x4.extract_lane(exp4(f32x4.sub(v128.load32_splat(from + (c << 2)), tops)), 0)
      sum += <f64>e
      if (writeGrad) store<f32>(from + (c << 2), e)
    }
    const share = <f64>smoothing / <f64>vocab
    // What the others' logits lie below the label's, in the mean: what smoothing adds.
    const below = smoothing > 0 ? share * depth - <f64>smoothing * (<f64>top - <f64>picked) : 0
    store<f32>(losses + (row << 2), <f32>(Math.log(sum) + <f64>top - <f64>picked + below))
    if (!writeGrad) continue
    const factor = f32x4.splat(<f32>(<f64>gradScale / sum))
    const flat = f32x4.splat(<f32>(<f64>gradScale * share))
    for (let c: u32 = 0; c < vocab; c += 4) {
      const scaled = f32x4.mul(factor, loadPart(from + (c << 2), vocab - c))
      storePart(from + (c << 2), f32x4.sub(scaled, flat), vocab - c)
    }
    const at = from + (label << 2)
    const wanted = 1 - <f64>smoothing + share
    store<f32>(at, <f32>((Math.exp(<f64>(picked - top)) / sum - wanted) * <f64>gradScale))
  }
}

/** Σ top - x over a row. */
function depthOf(from: usize, vocab: u32, top: f32): f64 {
  const tops = f32x4.splat(top)
  const whole = vocab & ~3
  let sums = f64x2.splat(0)
  for (let c: u32 = 0; c < whole; c += 4) sums = widen(sums, f32x4.sub(tops, v128.load(from + (c << 2))))
  let sum = sumWide(sums)
  for (let c = whole; c < vocab; c++) sum += <f64>(top - load<f32>(from + (c << 2)))
  return sum
}
