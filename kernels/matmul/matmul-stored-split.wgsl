// matmul-stored.wgsl cut along k as matmul-split.wgsl is, for k, pitchA, blockSize and, without transB, n that are
// multiples of 4. BITS, IS_BF16 and TRANS_B are bits, isBf16 and transB; IN_BLOCKS: scaling is 2 or more.
// Parts: half-words, stored-blocks, stored-four, stored-scale.
override LANES: u32 = 64;
override ROWS: u32 = 4;
override TRANS_B: u32 = 1;
override BITS: u32 = 4;
override IS_BF16: u32 = 0;
override IN_BLOCKS: u32 = 0;

struct Params {
  m: u32,
  n: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  transB: u32,
  bits: u32,
  isBf16: u32,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
  hasBias: u32,
  accumulate: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> codes: array<u32>;
@group(0) @binding(3) var<storage, read> absmax: array<u32>;
@group(0) @binding(4) var<storage, read> nested: array<u32>;
@group(0) @binding(5) var<storage, read> tables: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

var<workgroup> levels: array<f32, 16>;
var<workgroup> partial: array<vec4<f32>, ROWS * LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let width = select(8u, 1u, TRANS_B != 0u);
  let slices = LANES / width;
  let slice = lane / width;
  let row0 = group.y * ROWS;
  let column0 = 4u * (group.x * width + lane % width);
  var sums: array<vec4<f32>, 4>;

  if (BITS == 4u && IN_BLOCKS == 0u) {
    for (var i = lane; i < 16u; i += LANES) {
      levels[i] = tables[i];
    }
    workgroupBarrier();
  }

  for (var depth = 4u * slice; depth < params.k; depth += 4u * slices) {
    // op(b) for four steps along k, a vector of the four columns each. Past the last column nothing is stored.
    var y: mat4x4<f32>;
    for (var i = 0u; i < 4u; i++) {
      if (TRANS_B != 0u) {
        y[i] = fourAt(min(column0 + i, params.n - 1u) * params.k + depth);
      } else {
        y[i] = fourAt((depth + i) * params.n + min(column0, params.n - 4u));
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
