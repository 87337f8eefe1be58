// Rounds to GGUF's blocks of 4 to 6 bits, which blocks.as.ts reads: `bits`, `blockSize` and `scaling` are as there.
// Scales are those of the extremes of a block (ggml-quants.c, quantize_row_q4_1_ref and quantize_row_q5_0_ref), which
// ggml searches around for K-quants; codes are the nearest. nested is written where scaling is 4 or 5. One item is 64
// elements, or 256 that share a number of nested.
const BIAS: f32 = 5.192296858534828e33

/** The nearest f16's bits, of what is finite at most the largest. */
function halfOf(x: f32): u32 {
  const bits = reinterpret<u32>(x)
  const sign = (bits >> 16) & 0x8000
  const size = bits & 0x7fffffff
  if (size >= 0x477ff000) return sign | 0x7bff
  if (size < 0x38800000) return sign | (<u32>nearest<f32>(abs<f32>(x) * <f32>16777216))
  return sign | ((size + 0xfff + ((size >> 13) & 1) - 0x38000000) >> 13)
}

function valueOf(half: u32): f32 {
  const size = reinterpret<f32>((half & 0x7fff) << 13) * BIAS
  return half & 0x8000 ? -size : size
}

/** The whole number nearest to x / step, at least `least` and at most `most`; by remainders, which are exact. */
function quotient(x: f32, step: f32, least: f32, most: f32): f32 {
  if (step == 0) return max<f32>(least, min<f32>(most, 0))
  let q = nearest<f32>(x / step)
  const rest = (x - q * step) * (step < 0 ? <f32>-1 : <f32>1)
  const size = abs<f32>(step) * <f32>0.5
  if (rest > size) q += 1
  else if (rest < -size) q -= 1
  return max<f32>(least, min<f32>(most, q))
}

export function quantizeBlocks(
  input: usize,
  codes: usize,
  absmax: usize,
  nested: usize,
  count: u32,
  bits: u32,
  blockSize: u32,
  scaling: u32,
  begin: u32,
  end: u32,
): void {
  const size: u32 = scaling < 4 ? 64 : 256
  for (let item = begin; item < end; item++) {
    const start = item * size
    const blocks = (min<u32>(count - start, size) + blockSize - 1) / blockSize
    const first = start / blockSize
    if (scaling == 5) quantizePairs(input, codes, absmax, nested, start, blocks, bits)
    else if (scaling == 4) quantizeSigned(input, codes, absmax, nested, start, blocks)
    else {
      for (let b: u32 = 0; b < blocks; b++) {
        const from = input + ((start + b * blockSize) << 2)
        if (scaling == 3) {
          const least = halfOf(lowest(from, blockSize))
          const scale = halfOf((highest(from, blockSize) - lowest(from, blockSize)) * stepOf(bits))
          store<u32>(absmax + ((first + b) << 2), scale | (least << 16))
          storeCodes(from, codes, start + b * blockSize, blockSize, bits, valueOf(scale), valueOf(least), 0)
        } else {
          const scale = halfOf(largest(from, blockSize) * <f32>-0.0625)
          store<u16>(absmax + ((first + b) << 1), <u16>scale)
          storeCodes(from, codes, start + b * blockSize, blockSize, bits, valueOf(scale), 0, 16)
        }
      }
    }
  }
}

/** One over the largest code. */
function stepOf(bits: u32): f32 {
  return bits == 4 ? <f32>0.06666667 : <f32>0.032258064
}

function lowest(from: usize, count: u32): f32 {
  let least = load<f32>(from)
  for (let i: u32 = 1; i < count; i++) least = min<f32>(least, load<f32>(from + (i << 2)))
  return least
}

function highest(from: usize, count: u32): f32 {
  let most = load<f32>(from)
  for (let i: u32 = 1; i < count; i++) most = max<f32>(most, load<f32>(from + (i << 2)))
  return most
}

/** The number of largest magnitude, with its sign; of two that differ in it the first. */
function largest(from: usize, count: u32): f32 {
  let found: f32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const x = load<f32>(from + (i << 2))
    if (abs<f32>(x) > abs<f32>(found)) found = x
  }
  return found
}

/** Groups of 32, by a scale and a subtrahend of 6 bits each. */
function quantizePairs(
  input: usize,
  codes: usize,
  absmax: usize,
  nested: usize,
  start: u32,
  blocks: u32,
  bits: u32,
): void {
  let scale: f32 = 0
  let least: f32 = 0
  for (let b: u32 = 0; b < blocks; b++) {
    const from = input + ((start + (b << 5)) << 2)
    const low = min<f32>(0, lowest(from, 32))
    scale = max<f32>(scale, (highest(from, 32) - low) * stepOf(bits))
    least = max<f32>(least, -low)
  }
  const scaleBits = halfOf(scale * <f32>0.015873017)
  const leastBits = halfOf(least * <f32>-0.015873017)
  store<u32>(nested + ((start >> 8) << 2), scaleBits | (leastBits << 16))
  scale = valueOf(scaleBits)
  least = valueOf(leastBits)
  for (let b: u32 = 0; b < blocks; b++) {
    const from = input + ((start + (b << 5)) << 2)
    const low = min<f32>(0, lowest(from, 32))
    const factor = quotient((highest(from, 32) - low) * stepOf(bits), scale, 0, 63)
    const other = quotient(low, least, 0, 63)
    store<u16>(absmax + (((start >> 5) + b) << 1), <u16>((<u32>factor) | ((<u32>other) << 8)))
    storeCodes(from, codes, start + (b << 5), 32, bits, factor * scale, other * least, 0)
  }
}

/** Groups of 16, by a scale of a signed byte. */
function quantizeSigned(input: usize, codes: usize, absmax: usize, nested: usize, start: u32, blocks: u32): void {
  let most: f32 = 0
  for (let b: u32 = 0; b < blocks; b++) {
    const own = largest(input + ((start + (b << 4)) << 2), 16) * <f32>-0.03125
    if (abs<f32>(own) > abs<f32>(most)) most = own
  }
  const scale = valueOf(halfOf(most * <f32>-0.0078125))
  store<f32>(nested + ((start >> 8) << 2), scale)
  for (let b: u32 = 0; b < blocks; b++) {
    const at = start + (b << 4)
    const factor = quotient(largest(input + (at << 2), 16) * <f32>-0.03125, scale, -128, 127)
    store<i8>(absmax + (at >> 4), <i8>factor)
    storeCodes(input + (at << 2), codes, at, 16, 6, factor * scale, 0, 32)
  }
}

/** Codes of a block that begins at element `at`. */
function storeCodes(
  from: usize,
  codes: usize,
  at: u32,
  count: u32,
  bits: u32,
  scale: f32,
  least: f32,
  centre: f32,
): void {
  const block = codes + (at >> 5) * (bits << 2)
  const most = <f32>(((<u32>1) << bits) - 1)
  if ((at & 31) == 0) memory.fill(block, 0, bits << 2)
  for (let i: u32 = 0; i < count; i++) {
    const x = load<f32>(from + (i << 2)) - least
    const code = <u32>(quotient(x, scale, -centre, most - centre) + centre)
    const place = (at & 31) + i
    const low = block + ((place >> 3) << 2) + (place & 3)
    store<u8>(low, <u8>(load<u8>(low) | ((code & 15) << (place & 4))))
    if (bits == 4) continue
    const shift = bits == 5 ? place >> 2 : ((place & 15) >> 1) & 6
    const high = block + 16 + (bits == 5 ? 0 : (place >> 4) << 2) + (place & 3)
    store<u8>(high, <u8>(load<u8>(high) | ((code >> 4) << shift)))
  }
}
