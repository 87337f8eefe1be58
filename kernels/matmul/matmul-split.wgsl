// matmul.wgsl for products of few rows or columns, such as a token's or LoRA's, whose tiles would not fill the adapter:
// the invocations of a workgroup share out k, and their sums meet in workgroup memory in a fixed order. For a that is
// not transposed, and k, pitchA and the rows of b multiples of 4. TRANS_B is transB. A workgroup makes ROWS (at most 4)
// × 4 · width elements: with transB its invocations lie along k (width 1), else eight along n and the rest along k, as
// b lies.
override LANES: u32 = 64;
override ROWS: u32 = 4;
override TRANS_B: u32 = 1;

struct Params {
  m: u32,
  n: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  transA: u32,
  transB: u32,
  hasBias: u32,
  accumulate: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

var<workgroup> partial: array<vec4<f32>, ROWS * LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let width = select(8u, 1u, TRANS_B != 0u);
  let slices = LANES / width;
  let slice = lane / width;
  let row0 = group.y * ROWS;
  let column0 = 4u * (group.x * width + lane % width);
  var sums: array<vec4<f32>, 4>;

  for (var depth = 4u * slice; depth < params.k; depth += 4u * slices) {
    // op(b) for four steps along k, a vector of the four columns each. Past the last column nothing is stored.
    var y: mat4x4<f32>;
    for (var i = 0u; i < 4u; i++) {
      if (TRANS_B != 0u) {
        y[i] = b[(min(column0 + i, params.n - 1u) * params.k + depth) / 4u];
      } else {
        y[i] = b[((depth + i) * params.n + min(column0, params.n - 4u)) / 4u];
      }
    }
    if (TRANS_B != 0u) {
      y = transpose(y);
    }
    for (var r = 0u; r < ROWS; r++) {
      sums[r] += y * a[(min(row0 + r, params.m - 1u) * params.pitchA + depth) / 4u];
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    partial[r * LANES + lane] = sums[r];
  }
  workgroupBarrier();
  for (var half = slices / 2u; half > 0u; half /= 2u) {
    if (slice < half) {
      for (var r = 0u; r < ROWS; r++) {
        partial[r * LANES + lane] += partial[r * LANES + lane + half * width];
      }
    }
    workgroupBarrier();
  }

  if (slice > 0u) {
    return;
  }
  for (var r = 0u; r < ROWS; r++) {
    let row = row0 + r;
    for (var c = 0u; c < 4u; c++) {
      let column = column0 + c;
      if (row < params.m && column < params.n) {
        let at = row * params.pitchOut + column;
        var value = params.alpha * partial[r * LANES + lane][c];
        if (params.hasBias != 0u) {
          value += bias[column];
        }
        if (params.accumulate != 0u) {
          value += out[at];
        }
        out[at] = value;
      }
    }
  }
}
