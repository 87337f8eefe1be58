import { bf16ToF32, f32ToBf16 } from '../core/float16.ts'

/** Added to scores of keys that must not be seen; the attention kernels skip keys below -1e30. */
const UNSEEN = -3e38

/**
 * ALiBi's slope of each head (arXiv 2108.12409), rounded to bfloat16 as transformers' build_alibi_tensor does
 * (modeling_falcon.py).
 */
export function alibiSlopes(heads: number): Float32Array {
  const closest = 2 ** Math.floor(Math.log2(heads))
  const slopes = powers(closest, closest, (i) => i + 1)
  const extra = powers(2 * closest, heads - closest, (i) => 2 * i + 1)
  return roundToBf16(Float32Array.of(...slopes, ...extra))
}

/**
 * What is added to each key's scaled score: f32 [b, heads, keys], slope · position in bfloat16, divided by sqrt(dim) like the
 * scores (Falcon alone does so). Positions count the unmasked tokens, so that left padding changes nothing.
 * @param mask One byte a key, 0 for padding; absent when nothing is padded.
 */
export function alibiKeyBias(batch: number, keys: number, heads: number, dim: number, mask?: Uint8Array): Float32Array {
  const slopes = alibiSlopes(heads)
  const scale = 1 / Math.sqrt(dim)
  const out = new Float32Array(batch * heads * keys)
  for (let b = 0; b < batch; b++) {
    const seen = mask?.subarray(b * keys, (b + 1) * keys) ?? new Uint8Array(keys).fill(1)
    let count = -1
    const positions = roundToBf16(Float32Array.from(seen, (flag) => (count += +(flag !== 0))))
    slopes.forEach((slope, head) => {
      const bias = roundToBf16(positions.map((position) => slope * position))
      out.set(
        bias.map((value, key) => (seen[key] === 0 ? UNSEEN : value * scale)),
        (b * heads + head) * keys,
      )
    })
  }
  return out
}

/** The first `count` of base^exponent(i), base = 2^(-8/heads) in f32 as torch computes it. */
function powers(heads: number, count: number, exponent: (i: number) => number): number[] {
  const base = Math.fround(2 ** -(2 ** -(Math.log2(heads) - 3)))
  return Array.from({ length: count }, (_, i) => Math.fround(base ** exponent(i)))
}

function roundToBf16(values: Float32Array): Float32Array {
  return bf16ToF32(f32ToBf16(values))
}
