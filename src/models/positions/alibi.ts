import { bf16ToF32, f32ToBf16 } from '../../core/float16.ts'

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
 * f32 [b · keys]: for each key the number of unmasked tokens before it, in bfloat16, as transformers multiplies them; 0
 * where it is padding. So left padding changes nothing.
 * @param mask One byte a key, 0 for padding; absent when nothing is padded.
 */
export function alibiPositions(batch: number, keys: number, mask?: Uint8Array): Float32Array {
  let count = 0
  const positions = Float32Array.from({ length: batch * keys }, (_, i) => {
    if (i % keys === 0) count = 0
    return mask?.[i] === 0 ? 0 : count++
  })
  return roundToBf16(positions)
}

/** The same of tokens that stand where positionIds says. */
export function alibiPositionsAt(positionIds: Int32Array): Float32Array {
  return roundToBf16(Float32Array.from(positionIds))
}

/** The first `count` of base^exponent(i), base = 2^(-8/heads) in f32 as torch computes it. */
function powers(heads: number, count: number, exponent: (i: number) => number): number[] {
  const base = Math.fround(2 ** -(2 ** -(Math.log2(heads) - 3)))
  return Array.from({ length: count }, (_, i) => Math.fround(base ** exponent(i)))
}

function roundToBf16(values: Float32Array): Float32Array {
  return bf16ToF32(f32ToBf16(values))
}
