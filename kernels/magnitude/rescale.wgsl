// out[row,c] = (x[row,c] - bias[c]) · magnitude[c] / norms[c] + bias[c]; x [rows,dim]; bias may be null. Where a norm
// is 0 so is the quotient. One invocation a column of
// ROWS rows.
override LANES: u32 = 64;
override ROWS: u32 = 16;

struct Params {
  rows: u32,
  dim: u32,
  hasBias: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> magnitude: array<f32>;
@group(0) @binding(3) var<storage, read> norms: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.x;
  if (c >= params.dim) {
    return;
  }
  var factor = 0.0;
  if (norms[c] != 0.0) {
    factor = magnitude[c] / norms[c];
  }
  var shift = 0.0;
  if (params.hasBias != 0u) {
    shift = bias[c];
  }
  let last = min((id.y + 1u) * ROWS, params.rows);
  for (var row = id.y * ROWS; row < last; row++) {
    let i = row * params.dim + c;
    out[i] = (x[i] - shift) * factor + shift;
  }
}
