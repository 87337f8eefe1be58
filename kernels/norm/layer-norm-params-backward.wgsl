// dWeight[c] = (accumulate ? dWeight[c] : 0) + Σ over rows of dOut · (x - mean) · rstd, dBias[c] likewise with Σ dOut;
// dOut, x [rows,dim], stats[row] = mean, rstd. One invocation a column.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read_write> dWeight: array<f32>;
@group(0) @binding(5) var<storage, read_write> dBias: array<f32>;

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
  var weightSum = 0.0;
  var biasSum = 0.0;
  for (var row = 0u; row < params.rows; row++) {
    let g = dOut[row * params.dim + c];
    weightSum += g * (x[row * params.dim + c] - stats[2u * row]) * stats[2u * row + 1u];
    biasSum += g;
  }
  if (params.accumulate != 0u) {
    weightSum += dWeight[c];
    biasSum += dBias[c];
  }
  dWeight[c] = weightSum;
  dBias[c] = biasSum;
}
