// out[c] = (accumulate ? out[c] : 0) + Σ over rows of x[row,c]; x [rows,dim]. One invocation a column.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

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
  var sum = 0.0;
  for (var row = 0u; row < params.rows; row++) {
    sum += x[row * params.dim + c];
  }
  if (params.accumulate != 0u) {
    sum += out[c];
  }
  out[c] = sum;
}
