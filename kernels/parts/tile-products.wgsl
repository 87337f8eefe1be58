// Products of four rows and columns of `tile`, whose rows are DEPTH vectors, a pad behind each.

/// Adds the products along `depth` vectors of the tile, of an invocation's four rows (components) and four columns.
fn multiply(x: u32, y: u32, depth: u32, sums: ptr<function, array<vec4<f32>, 4>>) {
  for (var d = 0u; d < depth; d++) {
    let row = 4u * y * (DEPTH + 1u) + d;
    let a0 = tile[row];
    let a1 = tile[row + DEPTH + 1u];
    let a2 = tile[row + 2u * (DEPTH + 1u)];
    let a3 = tile[row + 3u * (DEPTH + 1u)];
    for (var c = 0u; c < 4u; c++) {
      let b = tile[(4u * SIDE + x + c * SIDE) * (DEPTH + 1u) + d];
      (*sums)[c] += vec4<f32>(dot(a0, b), dot(a1, b), dot(a2, b), dot(a3, b));
    }
  }
}
