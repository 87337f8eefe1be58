// dX = (accumulate ? dX : 0) + rstd · (g - mean(g) - x̂ · mean(g · x̂)), g = dOut · (weight + shift), x̂ = (x - mean) ·
// rstd; stats[row] = mean, rstd; dOut, x, dX [rows,dim]. One workgroup a row.
// With isRms, of RMS norm, there is no mean(g), and the mean of x counts as 0.
// Parts: lane-sums.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  isRms: u32,
  accumulate: u32,
  shift: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> stats: array<f32>;
@group(0) @binding(5) var<storage, read_write> dX: array<f32>;

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
  let mean = stats[2u * row];
  let rstd = stats[2u * row + 1u];
  var sum = 0.0;
  var product = 0.0;
  for (var c = lane; c < params.dim; c += LANES) {
    let g = dOut[start + c] * (weight[c] + params.shift);
    sum += g;
    product += g * (x[start + c] - mean) * rstd;
  }
  let average = sumOverLanes(lane, sum) / f32(params.dim);
  let meanG = select(average, 0.0, params.isRms != 0u);
  let meanProduct = sumOverLanes(lane, product) / f32(params.dim);
  for (var c = lane; c < params.dim; c += LANES) {
    let g = dOut[start + c] * (weight[c] + params.shift);
    let normal = (x[start + c] - mean) * rstd;
    var slope = rstd * (g - meanG - normal * meanProduct);
    if (params.accumulate != 0u) {
      slope += dX[start + c];
    }
    dX[start + c] = slope;
  }
}
