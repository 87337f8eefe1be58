// Four elements of a stored matrix, from BITS and IN_BLOCKS (whether scaling is 2 or more) of the bindings of
// matmulStored and `levels`, the code in workgroup memory.

/// Elements element … element + 3 of W, where element is a multiple of 4.
fn fourAt(element: u32) -> vec4<f32> {
  if (IN_BLOCKS != 0u) {
    return fourOfBlock(element, BITS);
  }
  if (BITS == 16u) {
    return vec4<f32>(pairOf(codes[element / 2u], IS_BF16 != 0u), pairOf(codes[element / 2u + 1u], IS_BF16 != 0u));
  }
  let scale = scaleOf(element / params.blockSize);
  if (BITS == 8u) {
    return scale * unpack4x8snorm(codes[element / 4u]);
  }
  let half = codes[element / 8u] >> (4u * (element & 4u));
  return scale * vec4<f32>(
    levels[(half >> 4u) & 15u],
    levels[half & 15u],
    levels[(half >> 12u) & 15u],
    levels[(half >> 8u) & 15u],
  );
}
