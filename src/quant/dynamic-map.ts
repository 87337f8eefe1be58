/**
 * The 256 sorted float32 values of the 8-bit dynamic data type (Dettmers 2015, arXiv 1511.04561), as bitsandbytes'
 * `create_dynamic_map(signed, max_exponent_bits=7, total_bits=8)` builds them: 7 decades, decade i of [0.1, 1] split
 * into 2^i parts (2^(i+1) unsigned) of which the midpoints count, then 0 and 1. Signed covers [-0.993, 1] and quantises
 * absmax; unsigned covers [0, 1] and holds Adam's second moment.
 */
export function dynamicMap(signed: boolean): Float32Array {
  const values: number[] = [0, 1]
  for (let decade = 0; decade < 7; decade++) {
    const scale = Math.fround(10 ** (decade - 6))
    const edges = linspace(Math.fround(0.1), 1, 2 ** (signed ? decade : decade + 1) + 1)
    for (let i = 1; i < edges.length; i++) {
      const mean = Math.fround((edges[i - 1] as number) + (edges[i] as number)) / 2
      const value = Math.fround(scale * mean)
      values.push(value)
      if (signed) values.push(-value)
    }
  }
  // The unsigned map has one value too few for 256; bitsandbytes fills up with zeros.
  while (values.length < 256) values.push(0)
  return Float32Array.from(values).sort()
}

/** torch.linspace on a CPU: counted from the nearer end, each step one fused multiply-add rounded to float32. */
function linspace(start: number, end: number, count: number): number[] {
  const step = Math.fround(Math.fround(end - start) / (count - 1))
  const half = Math.floor(count / 2)
  return Array.from({ length: count }, (_, i) =>
    Math.fround(i < half ? start + step * i : end - step * (count - 1 - i)),
  )
}

/** The values of AdamW's moments in 8 bits: those of the first, which have signs, then those of the second. */
export function momentMaps(): Float32Array {
  return Float32Array.of(...dynamicMap(true), ...dynamicMap(false))
}
