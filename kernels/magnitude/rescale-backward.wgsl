// Of rescale: dX[row,c] = dOut[row,c] · magnitude[c] / norms[c], and dMagnitude[c] = (accumulate ? itself : 0) + Σ over
// rows of dOut[row,c] · (x[row,c] - bias[c]) / norms[c]; norms are constants, and where one is 0 so are both. bias may
// be null. One invocation a column.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  hasBias: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> magnitude: array<f32>;
@group(0) @binding(4) var<storage, read> norms: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> dX: array<f32>;
@group(0) @binding(7) var<storage, read_write> dMagnitude: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = (group.x + group.y * groups.x) * LANES + lane;
  if (c >= params.dim) {
    return;
  }
  var inverse = 0.0;
  if (norms[c] != 0.0) {
    inverse = 1.0 / norms[c];
  }
  let factor = magnitude[c] * inverse;
  var shift = 0.0;
  if (params.hasBias != 0u) {
    shift = bias[c];
  }
  var sum = 0.0;
  for (var row = 0u; row < params.rows; row++) {
    let i = row * params.dim + c;
    let d = dOut[i];
    sum += d * (x[i] - shift);
    dX[i] = d * factor;
  }
  sum *= inverse;
  if (params.accumulate != 0u) {
    sum += dMagnitude[c];
  }
  dMagnitude[c] = sum;
}
