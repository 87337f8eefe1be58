// dX[row,c] = Σ dOut[row,j] over j with ids[row,j] = c, in their order; dX [rows,dim], ids i32 and dOut [rows,picks].
// One workgroup a row: its lanes clear it, and the first one adds.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  picks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read> dOut: array<f32>;
@group(0) @binding(3) var<storage, read_write> dX: array<f32>;

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
  for (var c = lane; c < params.dim; c += LANES) {
    dX[start + c] = 0.0;
  }
  storageBarrier();
  if (lane != 0u) {
    return;
  }
  for (var i = row * params.picks; i < (row + 1u) * params.picks; i++) {
    let id = u32(ids[i]);
    if (id < params.dim) {
      dX[start + id] += dOut[i];
    }
  }
}
