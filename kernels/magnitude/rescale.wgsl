// out[row,c] = (x[row,c] - bias[c]) · magnitude[c] / norms[c] + bias[c]; x [rows,dim]; bias may be null. Where a norm is
// 0 so is the quotient. One invocation an element.
override LANES: u32 = 64;

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
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (i >= params.rows * params.dim) {
    return;
  }
  let c = i % params.dim;
  var factor = 0.0;
  if (norms[c] != 0.0) {
    factor = magnitude[c] / norms[c];
  }
  var shift = 0.0;
  if (params.hasBias != 0u) {
    shift = bias[c];
  }
  out[i] = (x[i] - shift) * factor + shift;
}
