// One element of a stored matrix, from bindings and params named as those of dequantize.

fn valueOf(i: u32) -> f32 {
  if (params.scaling > 1u) {
    return fourOfBlock(i & ~3u, params.bits)[i % 4u];
  }
  if (params.bits == 16u) {
    return pairOf(codes[i / 2u], params.isBf16 != 0u)[i % 2u];
  }
  if (params.bits == 8u) {
    return unpack4x8snorm(codes[i / 4u])[i % 4u] * scaleOf(i / params.blockSize);
  }
  let shift = 8u * ((i / 2u) % 4u) + 4u * (1u - i % 2u);
  return tables[(codes[i / 8u] >> shift) & 15u] * scaleOf(i / params.blockSize);
}
