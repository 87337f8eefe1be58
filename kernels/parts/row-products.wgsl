// Products of four rows and columns within a subgroup of eight lanes; eight-lanes.wgsl stands beside it.

/// Eight vectors of four: four elements of each of four rows, then four more.
fn turn(low: mat4x4<f32>, high: mat4x4<f32>) -> array<vec4<f32>, 8> {
  let a = transpose(low);
  let b = transpose(high);
  return array<vec4<f32>, 8>(a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]);
}

/// Adds to `sums` the products of ROWS rows of a, of which lane i of eight holds half i % 2 of eight elements of row
/// i / 2, and four columns of b, whose eight elements are y.
fn multiply(own: vec4<f32>, y: array<vec4<f32>, 8>, sums: ptr<function, array<vec4<f32>, 4>>) {
  let x = ofEight(own);
  for (var r = 0u; r < ROWS; r++) {
    let a = x[2u * r];
    let b = x[2u * r + 1u];
    (*sums)[r] += a.x * y[0] + a.y * y[1] + a.z * y[2] + a.w * y[3]
      + b.x * y[4] + b.y * y[5] + b.z * y[6] + b.w * y[7];
  }
}
