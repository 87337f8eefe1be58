// matmul-broadcast.wgsl with loads of four elements, each of which costs little more than a load of one: for a that is not
// transposed, and k, n and pitches that are multiples of 4. TRANS_B is transB. A lane makes ROWS (a multiple of 4, at most 16) × 4
// elements, its columns side by side. Of each four rows of a, lane i of eight loads half i % 2 of eight elements of row i / 2.
enable subgroups;

override ROWS: u32 = 8;
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

/// Elements depth … depth + 3 of column `column` of bᵀ; zeros past its end.
fn alongColumn(column: u32, depth: u32) -> vec4<f32> {
  let value = b[(column * params.k + min(depth, params.k - 4u)) / 4u];
  return select(vec4<f32>(), value, depth < params.k);
}

/// Columns column … column + 3 of row `depth` of b; zeros past its end.
fn alongRow(column: u32, depth: u32) -> vec4<f32> {
  let value = b[(min(depth, params.k - 1u) * params.n + column) / 4u];
  return select(vec4<f32>(), value, depth < params.k);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = group.y * ROWS;
  let column0 = 4u * (group.x * LANES + local);
  // Outside of out, the last row or columns are worked on once more, and not stored.
  let column = min(column0, params.n - 4u);
  let eighth = lane & 7u;
  var sums: array<vec4<f32>, 16>;

  for (var depth = 0u; depth < params.k; depth += 8u) {
    // b for eight steps along k, a vector of the four columns each.
    var y: array<vec4<f32>, 8>;
    if (TRANS_B != 0u) {
      for (var half = 0u; half < 2u; half++) {
        let turned = transpose(mat4x4<f32>(
          alongColumn(column, depth + 4u * half),
          alongColumn(column + 1u, depth + 4u * half),
          alongColumn(column + 2u, depth + 4u * half),
          alongColumn(column + 3u, depth + 4u * half),
        ));
        for (var i = 0u; i < 4u; i++) {
          y[4u * half + i] = turned[i];
        }
      }
    } else {
      for (var i = 0u; i < 8u; i++) {
        y[i] = alongRow(column, depth + i);
      }
    }
    let mine = depth + 4u * (eighth & 1u);
    for (var r = 0u; r < ROWS; r += 4u) {
      let row = min(row0 + r + (eighth >> 1u), params.m - 1u);
      let value = a[(row * params.pitchA + min(mine, params.k - 4u)) / 4u];
      let own = select(vec4<f32>(), value, mine < params.k);
      let x = array<vec4<f32>, 8>(
        subgroupBroadcast(own, 0u),
        subgroupBroadcast(own, 1u),
        subgroupBroadcast(own, 2u),
        subgroupBroadcast(own, 3u),
        subgroupBroadcast(own, 4u),
        subgroupBroadcast(own, 5u),
        subgroupBroadcast(own, 6u),
        subgroupBroadcast(own, 7u),
      );
      for (var i = 0u; i < 4u; i++) {
        let first = x[2u * i];
        let second = x[2u * i + 1u];
        sums[r + i] += first.x * y[0] + first.y * y[1] + first.z * y[2] + first.w * y[3]
          + second.x * y[4] + second.y * y[5] + second.z * y[6] + second.w * y[7];
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
