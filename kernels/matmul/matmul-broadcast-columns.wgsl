// matmul-broadcast-vectors.wgsl for aᵀ · b (a is [k,m], b is [k,n]), the shape of a weight's gradient: m, n and pitches
// are multiples of 4. A lane makes 4 rows side by side × COLUMNS (8 or 16) elements, in steps of four along k: a is
// loaded by the lane that needs it, and of each eight columns of b lane i of eight loads half i % 2 of row i / 2, and
// all get them by broadcasts.
// Parts: eight-lanes.
enable subgroups;

override COLUMNS: u32 = 16;
override LANES: u32 = 8;

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
  let row0 = 4u * (group.x * LANES + local);
  let column0 = group.y * COLUMNS;
  // Outside of out, the last rows or columns are worked on once more, and not stored.
  let row = min(row0, params.m - 4u);
  let eighth = lane & 7u;
  // Row r of columns c … c + 3, c a multiple of 4, stands at c + r.
  var sums: array<vec4<f32>, 16>;

  for (var depth = 0u; depth < params.k; depth += 4u) {
    // op(a) for four steps along k, a vector of the four rows each; zeros past the end of k.
    var x: array<vec4<f32>, 4>;
    for (var i = 0u; i < 4u; i++) {
      let value = a[(min(depth + i, params.k - 1u) * params.pitchA + row) / 4u];
      x[i] = select(vec4<f32>(), value, depth + i < params.k);
    }
    let mine = min(depth + (eighth >> 1u), params.k - 1u);
    for (var c = 0u; c < COLUMNS; c += 8u) {
      let column = min(column0 + c + 4u * (eighth & 1u), params.n - 4u);
      let own = b[(mine * params.n + column) / 4u];
      let y = ofEight(own);
      for (var half = 0u; half < 2u; half++) {
        for (var r = 0u; r < 4u; r++) {
          sums[c + 4u * half + r] += x[0][r] * y[half] + x[1][r] * y[2u + half] + x[2][r] * y[4u + half]
            + x[3][r] * y[6u + half];
        }
      }
    }
  }

  for (var c = 0u; c < COLUMNS; c += 4u) {
    for (var r = 0u; r < 4u; r++) {
      let column = column0 + c;
      if (row0 < params.m && column < params.n) {
        let at = ((row0 + r) * params.pitchOut + column) / 4u;
        var value = params.alpha * sums[c + r];
        if (params.hasBias != 0u) {
          value += bias[column / 4u];
        }
        if (params.accumulate != 0u) {
          value += out[at];
        }
        out[at] = value;
      }
    }
  }
}
