// matmul.wgsl without workgroup memory, for adapters whose subgroups have at least 8 lanes and pay for each load. A
// lane makes ROWS × COLUMNS elements, its columns LANES apart. k goes by in steps of 8: a lane loads one element of
// each row of a, and all lanes get the eight by broadcasts; b is loaded by the lane that needs it. ROWS · COLUMNS is at
// most 64.
enable subgroups;

override ROWS: u32 = 16;
override COLUMNS: u32 = 1;
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
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = group.y * ROWS;
  let column0 = group.x * LANES * COLUMNS + local;
  // Elements from a row of op(a) to the next and along it; the same for columns of op(b).
  let alongA = select(vec2<u32>(params.pitchA, 1u), vec2<u32>(1u, params.pitchA), params.transA != 0u);
  let alongB = select(vec2<u32>(1u, params.n), vec2<u32>(params.k, 1u), params.transB != 0u);
  let last = params.k - 1u;
  var sums: array<f32, 64>;
  var values: array<f32, 32>;

  for (var depth = 0u; depth < params.k; depth += 8u) {
    for (var c = 0u; c < COLUMNS; c++) {
      // Outside of out, the last row or column is worked on once more, and not stored.
      let start = min(column0 + c * LANES, params.n - 1u) * alongB.x;
      for (var i = 0u; i < 8u; i++) {
        let value = b[start + min(depth + i, last) * alongB.y];
        values[c * 8u + i] = select(0.0, value, depth + i <= last);
      }
    }
    let mine = depth + (lane & 7u);
    for (var r = 0u; r < ROWS; r++) {
      let value = a[min(row0 + r, params.m - 1u) * alongA.x + min(mine, last) * alongA.y];
      let own = select(0.0, value, mine <= last);
      let x = array<f32, 8>(
        subgroupBroadcast(own, 0u),
        subgroupBroadcast(own, 1u),
        subgroupBroadcast(own, 2u),
        subgroupBroadcast(own, 3u),
        subgroupBroadcast(own, 4u),
        subgroupBroadcast(own, 5u),
        subgroupBroadcast(own, 6u),
        subgroupBroadcast(own, 7u),
      );
      for (var c = 0u; c < COLUMNS; c++) {
        let at = c * 8u;
        sums[r * COLUMNS + c] += x[0] * values[at] + x[1] * values[at + 1u] + x[2] * values[at + 2u]
          + x[3] * values[at + 3u] + x[4] * values[at + 4u] + x[5] * values[at + 5u] + x[6] * values[at + 6u]
          + x[7] * values[at + 7u];
      }
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    let row = row0 + r;
    for (var c = 0u; c < COLUMNS; c++) {
      let column = column0 + c * LANES;
      if (row < params.m && column < params.n) {
        let at = row * params.pitchOut + column;
        var value = params.alpha * sums[r * COLUMNS + c];
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
