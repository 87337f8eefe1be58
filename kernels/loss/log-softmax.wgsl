// out[row] = x[row] - log Σ exp(x[row]); x and out [rows,dim]. One workgroup a row.
// Parts: lane-maxima, lane-sums.
override LANES: u32 = 256;

struct Params {
  rows: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

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
  var largest = -3.0e38;
  for (var c = lane; c < params.dim; c += LANES) {
    largest = max(largest, x[start + c]);
  }
  largest = maxOverLanes(lane, largest);
  var sum = 0.0;
  for (var c = lane; c < params.dim; c += LANES) {
    sum += exp(x[start + c] - largest);
  }
  let logSum = log(sumOverLanes(lane, sum));
  // The log is taken off last: beside a large maximum it would lose its digits.
  for (var c = lane; c < params.dim; c += LANES) {
    out[start + c] = x[start + c] - largest - logSum;
  }
}
