// AdamW with moments in 8 bits, as bitsandbytes keeps them: on g = clip[0] · grad, m = beta1 m + gain1 g, v = beta2 v +
// gain2 g², param = keep · param - step · m / (sqrt(v) / root2 + eps). A moment is maps[code] · its block's scale; maps
// are the 256 rising values for m, then those for v. A block of 256 elements is an item: scale = max|x|, code = the
// value nearest to x · (1 / scale), a tie the lower. clip[0] = 0 changes nothing.
import { scratch } from '../shared/scratch.as.ts'

export function adamw8bit(
  grad: usize,
  clip: usize,
  maps: usize,
  param: usize,
  m: usize,
  v: usize,
  scales: usize,
  count: u32,
  keep: f32,
  beta1: f32,
  gain1: f32,
  beta2: f32,
  gain2: f32,
  step: f32,
  root2: f32,
  eps: f32,
  begin: u32,
  end: u32,
): void {
  const factor = load<f32>(clip)
  if (factor == 0) return
  const first = scratch(2048)
  const second = first + 1024
  const ofSecond = maps + 1024
  for (let block = begin; block < end; block++) {
    const start = block << 8
    const length = min<u32>(256, count - start)
    const scale = scales + (block << 3)
    const before1 = load<f32>(scale)
    const before2 = load<f32>(scale, 4)
    let largest1: f32 = 0
    let largest2: f32 = 0
    for (let j: u32 = 0; j < length; j++) {
      const at: usize = (start + j) << 2
      const g = factor * load<f32>(grad + at)
      const old1 = before1 * load<f32>(maps + ((<u32>load<u8>(m + start + j)) << 2))
      const old2 = before2 * load<f32>(ofSecond + ((<u32>load<u8>(v + start + j)) << 2))
      const now1 = beta1 * old1 + gain1 * g
      const now2 = beta2 * old2 + gain2 * (g * g)
      largest1 = max<f32>(largest1, abs<f32>(now1))
      largest2 = max<f32>(largest2, now2)
      store<f32>(first + (j << 2), now1)
      store<f32>(second + (j << 2), now2)
      const change = (step * now1) / (sqrt<f32>(now2) / root2 + eps)
      store<f32>(param + at, keep * load<f32>(param + at) - change)
    }
    store<f32>(scale, largest1)
    store<f32>(scale, largest2, 4)
    const factor1 = <f32>1 / max<f32>(largest1, 1e-37)
    const factor2 = <f32>1 / max<f32>(largest2, 1e-37)
    for (let j: u32 = 0; j < length; j++) {
      store<u8>(m + start + j, codeOf(load<f32>(first + (j << 2)) * factor1, maps))
      store<u8>(v + start + j, codeOf(load<f32>(second + (j << 2)) * factor2, ofSecond))
    }
  }
}

function codeOf(x: f32, map: usize): u32 {
  let rank: u32 = 0
  // Added rather than branched on: which way it goes cannot be foreseen.
  for (let shift: u32 = 7; i32(shift) >= 0; shift--) {
    const below = map + ((rank + (1 << shift) - 1) << 2)
    rank += u32(x > (load<f32>(below) + load<f32>(below, 4)) * 0.5) << shift
  }
  return rank
}
