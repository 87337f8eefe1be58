// Double quantisation of `count` block maxima. nested[g] = max|absmax - mean| over group g of 256, and the mean last;
// code = the value of map (256, rising) nearest to (absmax - mean) · (1 / nested[g]), a tie the lower. One item in all.
// bitsandbytes functional.py, quantize_4bit with compress_statistics; backends/default/ops.py for the ties.
function codeOf(x: f32, map: usize): u32 {
  let rank: u32 = 0
  // Added rather than branched on: which way it goes cannot be foreseen.
  for (let shift: u32 = 7; i32(shift) >= 0; shift--) {
    const below = map + ((rank + (1 << shift) - 1) << 2)
    rank += u32(x > (load<f32>(below) + load<f32>(below, 4)) * 0.5) << shift
  }
  return rank
}

export function quantizeAbsmax(
  absmax: usize,
  map: usize,
  codes: usize,
  nested: usize,
  count: u32,
  begin: u32,
  end: u32,
): void {
  if (begin >= end) return
  let sum: f64 = 0
  for (let i: u32 = 0; i < count; i++) sum += <f64>load<f32>(absmax + (i << 2))
  const mean = count ? <f32>(sum / <f64>count) : 0
  const groups = (count + 255) >> 8
  store<f32>(nested + (groups << 2), mean)
  for (let group: u32 = 0; group < groups; group++) {
    const last = min<u32>((group + 1) << 8, count)
    let largest: f32 = 0
    for (let i = group << 8; i < last; i++) largest = max<f32>(largest, abs<f32>(load<f32>(absmax + (i << 2)) - mean))
    store<f32>(nested + (group << 2), largest)
    const factor = <f32>1 / max<f32>(largest, 1e-38)
    for (let i = group << 8; i < last; i++) {
      store<u8>(codes + i, codeOf((load<f32>(absmax + (i << 2)) - mean) * factor, map))
    }
  }
}
