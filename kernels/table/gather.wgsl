// out[row,j] = x[row,ids[row,j]], 0 where that is no column; x [rows,dim], ids i32 and out [rows,picks]. One invocation
// an element.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  picks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (i >= params.rows * params.picks) {
    return;
  }
  // A negative id wraps around to one past all columns.
  let id = u32(ids[i]);
  if (id < params.dim) {
    out[i] = x[i / params.picks * params.dim + id];
  } else {
    out[i] = 0.0;
  }
}
