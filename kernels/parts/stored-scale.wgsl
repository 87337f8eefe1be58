// The scale of a block of a stored matrix, from the bindings and params of matmulStored.

fn scaleOf(block: u32) -> f32 {
  if (params.scaling == 0u) {
    return bitcast<f32>(absmax[block]);
  }
  let code = (absmax[block / 4u] >> (8u * (block % 4u))) & 255u;
  return tables[16u + code] * bitcast<f32>(nested[block / 256u]) + bitcast<f32>(nested[params.nestedCount]);
}
