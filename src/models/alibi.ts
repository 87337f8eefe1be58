import { bf16ToF32, f32ToBf16 } from '../core/float16.ts'

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
 * What the attention kernels read of ALiBi: f32 [heads + b · keys], the slopes, then for each key the number of unmasked
 * tokens before it (in bfloat16, as transformers multiplies them), -1 where it is padding. So left padding changes nothing.
 * @param mask One byte a key, 0 for padding; absent when nothing is padded.
 */
export function alibiTable(batch: number, keys: number, heads: number, mask?: Uint8Array): Float32Array {
  const table = new Float32Array(heads + batch * keys)
  table.set(alibiSlopes(heads))
  for (let b = 0; b < batch; b++) {
    const seen = mask?.subarray(b * keys, (b + 1) * keys) ?? new Uint8Array(keys).fill(1)
    let count = 0
    const positions = Float32Array.from(seen, (flag) => (flag === 0 ? -1 : count++))
    table.set(roundToBf16(positions), heads + b * keys)
  }
  return table
}

/**
 * The same for a model without ALiBi: f32 [heads + b · keys], slopes of 0, and for each key 0, or -1 where it is padding.
 * @param mask One byte a key, 0 for padding.
 */
export function maskTable(heads: number, mask: Uint8Array): Float32Array {
  const table = new Float32Array(heads + mask.length)
  table.set(
    Float32Array.from(mask, (flag) => (flag === 0 ? -1 : 0)),
    heads,
  )
  return table
}

/** The first `count` of base^exponent(i), base = 2^(-8/heads) in f32 as torch computes it. */
function powers(heads: number, count: number, exponent: (i: number) => number): number[] {
  const base = Math.fround(2 ** -(2 ** -(Math.log2(heads) - 3)))
  return Array.from({ length: count }, (_, i) => Math.fround(base ** exponent(i)))
}

function roundToBf16(values: Float32Array): Float32Array {
  return bf16ToF32(f32ToBf16(values))
}
