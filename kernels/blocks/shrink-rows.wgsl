// Each row of x [rows,dim] whose norm is above `most` is scaled to that. One workgroup a row.
// Parts: lane-sums.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  most: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

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
  var squares = 0.0;
  for (var c = lane; c < params.dim; c += LANES) {
    squares += x[start + c] * x[start + c];
  }
  let norm = sqrt(sumOverLanes(lane, squares));
  if (norm > params.most) {
    for (var c = lane; c < params.dim; c += LANES) {
      x[start + c] *= params.most / norm;
    }
  }
}
