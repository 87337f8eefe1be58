// y = x + r; out = (y - mean) · rstd · (weight[dim] + shift) + bias[dim]; stats[row] = mean, rstd = 1 / sqrt(variance +
// eps); x, r, y, out [rows,dim]. The variance is the mean square of y - mean (two passes: no cancellation). One
// workgroup a row. With isRms the mean counts as 0, and there is no bias: RMS norm.
// Parts: lane-sums.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  isRms: u32,
  eps: f32,
  shift: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> r: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>;

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
  var sum = 0.0;
  for (var c = lane; c < params.dim; c += LANES) {
    // Each lane goes over the same elements three times, and so reads none that another wrote.
    let value = x[start + c] + r[start + c];
    y[start + c] = value;
    sum += value;
  }
  let average = sumOverLanes(lane, sum) / f32(params.dim);
  let mean = select(average, 0.0, params.isRms != 0u);
  var squares = 0.0;
  for (var c = lane; c < params.dim; c += LANES) {
    let centred = y[start + c] - mean;
    squares += centred * centred;
  }
  let variance = sumOverLanes(lane, squares) / f32(params.dim);
  let rstd = 1.0 / sqrt(variance + params.eps);
  for (var c = lane; c < params.dim; c += LANES) {
    let scaled = (y[start + c] - mean) * rstd * (weight[c] + params.shift);
    if (params.isRms != 0u) {
      out[start + c] = scaled;
    } else {
      out[start + c] = scaled + bias[c];
    }
  }
  if (lane == 0u) {
    stats[2u * row] = mean;
    stats[2u * row + 1u] = rstd;
  }
}
