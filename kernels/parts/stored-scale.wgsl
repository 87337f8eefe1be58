// The scale of a block of a stored matrix, from the bindings and params of matmulStored.

fn scaleOf(block: u32) -> f32 {
  if (params.isNested == 0u) {
    return bitcast<f32>(absmax[block]);
  }
  let code = (absmax[block / 4u] >> (8u * (block % 4u))) & 255u;
  return tables[16u + code] * nested[block / 256u] + nested[params.nestedCount];
}
