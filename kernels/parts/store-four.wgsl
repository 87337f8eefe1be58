// Stores four elements of `out`, which has params.count.

/// What lies behind the last element stays as it is.
fn store(i: u32, value: vec4<f32>) {
  let left = params.count - 4u * i;
  if (left >= 4u) {
    out[i] = value;
  } else {
    out[i] = select(out[i], value, vec4(0u, 1u, 2u, 3u) < vec4(left));
  }
}
