// Places of elements in arrays of up to four axes, of which params has the sizes d1, d2 and d3.

/// Indices along the four axes of the i-th element.
fn indicesOf(i: u32) -> vec4<u32> {
  let row = i / params.d3;
  let rest = row / params.d2;
  return vec4(rest / params.d1, rest % params.d1, row % params.d2, i % params.d3);
}
