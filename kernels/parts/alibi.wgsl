// ALiBi of attention, from its params and its binding `alibi`: slopes of heads, then positions of keys.

/// What ALiBi adds to the score of a key at a position: alibiScale · bfloat16(slope · position), ties to even.
fn biasOf(slope: f32, position: f32) -> f32 {
  let bits = bitcast<u32>(slope * position);
  return params.alibiScale * bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}

/// Position of a sample's key, negative where it is not seen.
fn positionOf(sample: u32, key: u32) -> f32 {
  if (params.hasAlibi == 0u) {
    return 0.0;
  }
  return alibi[params.heads + (params.first + sample) * params.keys + min(key, params.keys - 1u)];
}
