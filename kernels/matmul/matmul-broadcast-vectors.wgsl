// matmul-broadcast.wgsl with loads of four elements, each of which costs little more than a load of one: for a that is
// not transposed, and n, k and pitches that are multiples of 4. TRANS_B is transB. A lane makes ROWS (at most 16) × 4
// elements, its columns side by side, in steps of four along k: lane i of eight loads four elements of row i of a, and
// all get them by broadcasts. Workgroups that share columns follow one another, because what they read of b is then
// still in a cache.
// Parts: eight-lanes.
enable subgroups;

override ROWS: u32 = 16;
override LANES: u32 = 8;
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
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = group.x * ROWS;
  let column0 = 4u * (group.y * LANES + local);
  // Outside of out, the last row or columns are worked on once more, and not stored.
  let column = min(column0, params.n - 4u);
  let eighth = lane & 7u;
  var sums: array<vec4<f32>, 16>;

  for (var depth = 0u; depth < params.k; depth += 4u) {
    // b for four steps along k, a vector of the four columns each.
    var y: array<vec4<f32>, 4>;
    if (TRANS_B != 0u) {
      let turned = transpose(mat4x4<f32>(
        b[(column * params.k + depth) / 4u],
        b[((column + 1u) * params.k + depth) / 4u],
        b[((column + 2u) * params.k + depth) / 4u],
        b[((column + 3u) * params.k + depth) / 4u],
      ));
      for (var i = 0u; i < 4u; i++) {
        y[i] = turned[i];
      }
    } else {
      for (var i = 0u; i < 4u; i++) {
        y[i] = b[((depth + i) * params.n + column) / 4u];
      }
    }
    for (var r = 0u; r < ROWS; r += 8u) {
      let row = min(row0 + r + eighth, params.m - 1u);
      let own = a[(row * params.pitchA + depth) / 4u];
      let x = ofEight(own);
      for (var i = 0u; i < 8u; i++) {
        if (r + i < ROWS) {
          sums[r + i] += x[i].x * y[0] + x[i].y * y[1] + x[i].z * y[2] + x[i].w * y[3];
        }
      }
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    let row = row0 + r;
    if (row < params.m && column0 < params.n) {
      let at = (row * params.pitchOut + column0) / 4u;
      var value = params.alpha * sums[r];
      if (params.hasBias != 0u) {
        value += bias[column0 / 4u];
      }
      if (params.accumulate != 0u) {
        value += out[at];
      }
      out[at] = value;
    }
  }
}
