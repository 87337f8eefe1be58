// GGUF's blocks of 4 to 6 bits, from the bindings and params of matmulStored: (code - centre) · scale + least, each as
// in kernels/stored/blocks.as.ts. All products are exact, so a value is rounded once at most.

/// The two f16 of a word, the smallest as well, which unpack2x16float may take for 0.
fn halvesOf(word: u32) -> vec2<f32> {
  let bits = vec2<u32>(word & 0xffffu, word >> 16u);
  let normal = bitcast<vec2<f32>>(((bits & vec2<u32>(0x7fffu)) << vec2<u32>(13u)) + vec2<u32>(0x38000000u));
  let small = vec2<f32>(bits & vec2<u32>(1023u)) * 5.9604644775390625e-8;
  let magnitude = select(normal, small, (bits & vec2<u32>(0x7c00u)) == vec2<u32>(0u));
  return select(magnitude, -magnitude, bits >= vec2<u32>(0x8000u));
}

/// Of an element's block, the scale and what is added.
fn scaleAndLeast(element: u32) -> vec2<f32> {
  let block = element / params.blockSize;
  if (params.scaling == 3u) {
    return halvesOf(absmax[block]);
  }
  if (params.scaling == 5u) {
    let pair = absmax[block / 2u] >> (16u * (block % 2u));
    return halvesOf(nested[element / 256u]) * vec2<f32>(f32(pair & 255u), f32((pair >> 8u) & 255u));
  }
  if (params.scaling == 2u) {
    return vec2<f32>(halvesOf(absmax[block / 2u])[block % 2u], 0.0);
  }
  let factor = f32(bitcast<i32>(absmax[block / 4u] << (24u - 8u * (block % 4u))) >> 24u);
  return vec2<f32>(bitcast<f32>(nested[element / 256u]) * factor, 0.0);
}

/// Codes element … element + 3, less their centre, where element is a multiple of 4.
fn codesOfBlock(element: u32, bits: u32) -> vec4<f32> {
  let block = element / 32u * bits;
  let place = element % 32u;
  var all = (codes[block + place / 8u] >> (place & 4u)) & 0x0f0f0f0fu;
  if (bits == 5u) {
    all |= ((codes[block + 4u] >> (place / 4u)) & 0x01010101u) << 4u;
  } else if (bits == 6u) {
    all |= ((codes[block + 4u + place / 16u] >> (place % 16u / 2u)) & 0x03030303u) << 4u;
  }
  let centre = select(f32((1u << bits) / 2u), 0.0, params.scaling % 2u == 1u);
  return vec4<f32>((vec4<u32>(all) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u)) - centre;
}

/// Values element … element + 3, where element is a multiple of 4.
fn fourOfBlock(element: u32, bits: u32) -> vec4<f32> {
  let pair = scaleAndLeast(element);
  return codesOfBlock(element, bits) * pair.x + pair.y;
}
