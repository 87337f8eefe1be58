// dX[row] = dOut[row] - exp(out[row]) · Σ dOut[row], out what logSoftmax gave; all [rows,dim]. One workgroup a row.
// Parts: lane-sums.
override LANES: u32 = 256;

struct Params {
  rows: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<f32>;
@group(0) @binding(2) var<storage, read> out: array<f32>;
@group(0) @binding(3) var<storage, read_write> dX: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) {
    return;
  }
  let start = row * params.dim;
  var share = 0.0;
  for (var c = lane; c < params.dim; c += LANES) {
    share += dOut[start + c];
  }
  let sum = sumOverLanes(lane, share);
  for (var c = start + lane; c < start + params.dim; c += LANES) {
    dX[c] = dOut[c] - exp(out[c]) * sum;
  }
}
