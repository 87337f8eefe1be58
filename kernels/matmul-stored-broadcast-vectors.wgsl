// matmul-broadcast-vectors.wgsl for a W of 16 or 8 bits (BITS; see matmul-stored.wgsl), whose rows are decoded two words at a
// time: their length is a multiple of 4 elements of 16 bits, of 8 of 8. k, n and pitches are multiples of 4. TRANS_B is
// transB. W's scales stay out of the inner loop: those of columns wait for the sums, those along k go to the rows of a.
enable subgroups;

override ROWS: u32 = 8;
override LANES: u32 = 8;
override TRANS_B: u32 = 1;
override BITS: u32 = 16;

struct Params {
  m: u32,
  n: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  transB: u32,
  bits: u32,
  blockSize: u32,
  isNested: u32,
  nestedCount: u32,
  hasBias: u32,
  accumulate: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> codes: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> absmax: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> nested: array<f32>;
@group(0) @binding(5) var<storage, read> tables: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> out: array<vec4<f32>>;

fn halves(words: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}

/// Elements depth … depth + 7 of column `column` of Wᵀ, but for its scale; zeros past its end.
fn alongColumn(column: u32, depth: u32) -> array<vec4<f32>, 2> {
  let start = column * params.k;
  if (BITS == 8u) {
    let words = codes[(start + depth) / 8u];
    return array<vec4<f32>, 2>(unpack4x8snorm(words.x), unpack4x8snorm(words.y));
  }
  let first = halves(codes[(start + depth) / 4u]);
  let second = halves(codes[(start + min(depth + 4u, params.k - 4u)) / 4u]);
  return array<vec4<f32>, 2>(first, select(vec4<f32>(), second, depth + 4u < params.k));
}

/// Columns column … column + 3 of row `depth` of W, but for its scale; zeros past its end.
fn alongRow(column: u32, depth: u32) -> vec4<f32> {
  let element = min(depth, params.k - 1u) * params.n + column;
  var value: vec4<f32>;
  if (BITS == 8u) {
    let words = codes[element / 8u];
    value = unpack4x8snorm(select(words.x, words.y, (element & 4u) != 0u));
  } else {
    value = halves(codes[element / 4u]);
  }
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
    // W for eight steps along k, a vector of the four columns each.
    var y: array<vec4<f32>, 8>;
    if (TRANS_B != 0u) {
      let c0 = alongColumn(column, depth);
      let c1 = alongColumn(column + 1u, depth);
      let c2 = alongColumn(column + 2u, depth);
      let c3 = alongColumn(column + 3u, depth);
      for (var half = 0u; half < 2u; half++) {
        let turned = transpose(mat4x4<f32>(c0[half], c1[half], c2[half], c3[half]));
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
    let inside = min(mine, params.k - 4u);
    var scale = vec4<f32>(1.0);
    if (BITS == 8u && TRANS_B == 0u) {
      scale = absmax[inside / 4u];
    }
    for (var r = 0u; r < ROWS; r += 4u) {
      let row = min(row0 + r + (eighth >> 1u), params.m - 1u);
      let value = a[(row * params.pitchA + inside) / 4u] * scale;
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

  var factor = vec4<f32>(params.alpha);
  if (BITS == 8u && TRANS_B != 0u) {
    factor *= absmax[column / 4u];
  }
  for (var r = 0u; r < ROWS; r++) {
    let row = row0 + r;
    if (row < params.m && column0 < params.n) {
      let at = (row * params.pitchOut + column0) / 4u;
      var value = factor * sums[r];
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
