// Each block of blockSize (even) consecutive elements: absmax = max|x|, code = the one whose interval holds x · (1 / absmax);
// two codes a byte, the first in its high half; an odd count is filled up with the code of 0. decision: 15 thresholds
// (an element above t of them takes code t, a tie the lower), a pad, and the 16 codes as f32. One item is one block.
// bitsandbytes csrc/kernels.cu, kQuantizeBlockwise; a block of zeros takes the code of 0.
function codeOf(x: f32, decision: usize): u32 {
  let rank: u32 = 0
  for (let step: u32 = 8; step > 0; step >>= 1) {
    if (x > load<f32>(decision + ((rank + step - 1) << 2))) rank += step
  }
  return <u32>load<f32>(decision + 64 + (rank << 2))
}

export function quantizeFourBit(
  input: usize,
  decision: usize,
  codes: usize,
  absmax: usize,
  count: u32,
  blockSize: u32,
  begin: u32,
  end: u32,
): void {
  for (let block = begin; block < end; block++) {
    const start = block * blockSize
    const last = min<u32>(start + blockSize, count)
    let largest: f32 = 0
    for (let i = start; i < last; i++) largest = max<f32>(largest, abs<f32>(load<f32>(input + (i << 2))))
    store<f32>(absmax + (block << 2), largest)
    const factor = <f32>1 / max<f32>(largest, 1e-38)
    for (let i = start; i < last; i += 2) {
      const high = codeOf(load<f32>(input + (i << 2)) * factor, decision)
      const low = codeOf(i + 1 < last ? load<f32>(input + ((i + 1) << 2)) * factor : 0, decision)
      store<u8>(codes + (i >> 1), (high << 4) | low)
    }
  }
}
