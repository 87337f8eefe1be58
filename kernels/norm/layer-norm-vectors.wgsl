// out[rows,dim] = (x - mean) · rstd · (weight[dim] + shift) + bias[dim]; stats[row] = mean, rstd = 1 / sqrt(variance +
// eps). The variance is the mean square of x - mean (two passes: no cancellation). One workgroup a row.
// With isRms the mean counts as 0, and there is no bias: RMS norm.
// dim is a multiple of 4.
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
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> stats: array<f32>;

var<workgroup> partial: array<f32, LANES>;

fn sumOf(v: vec4<f32>) -> f32 {
  return v.x + v.y + (v.z + v.w);
}

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
  let words = params.dim / 4u;
  let start = row * words;
  var sum = vec4<f32>();
  for (var c = lane; c < words; c += LANES) {
    sum += x[start + c];
  }
  let average = sumOverLanes(lane, sumOf(sum)) / f32(params.dim);
  let mean = select(average, 0.0, params.isRms != 0u);
  var squares = vec4<f32>();
  for (var c = lane; c < words; c += LANES) {
    let centred = x[start + c] - mean;
    squares += centred * centred;
  }
  let variance = sumOverLanes(lane, sumOf(squares)) / f32(params.dim);
  let rstd = 1.0 / sqrt(variance + params.eps);
  for (var c = lane; c < words; c += LANES) {
    let scaled = (x[start + c] - mean) * rstd * (weight[c] + params.shift);
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
