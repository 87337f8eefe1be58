// matmul.wgsl by subgroup matrices of 8 × 8 × 8 in f32, for subgroups of 32 lanes (Apple's). Four subgroups make a tile
// of 32 × 64, each 16 rows by 32 columns of it; 32 steps along k at a time go through workgroup memory.
enable subgroups;
enable chromium_experimental_subgroup_matrix;

diagnostic(off, chromium.subgroup_matrix_uniformity);

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

// 32 rows of op(a) by 32 steps along k, and 32 steps by 64 columns of op(b); at the end the tile's results.
var<workgroup> tileA: array<f32, 1024>;
var<workgroup> tileB: array<f32, 2048>;

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_id) part: u32,
) {
  let row0 = group.y * 32u;
  let column0 = group.x * 64u;
  let rowInTile = 16u * (part / 2u);
  let columnInTile = 32u * (part % 2u);
  var sums: array<subgroup_matrix_result<f32, 8, 8>, 8>;

  for (var depth0 = 0u; depth0 < params.k; depth0 += 32u) {
    for (var i = lane; i < 1024u; i += 128u) {
      let at = select(vec2<u32>(i / 32u, i % 32u), vec2<u32>(i % 32u, i / 32u), params.transA != 0u);
      let row = row0 + at.x;
      let depth = depth0 + at.y;
      var value = 0.0;
      if (row < params.m && depth < params.k) {
        value = a[select(row * params.pitchA + depth, depth * params.pitchA + row, params.transA != 0u)];
      }
      tileA[at.x * 32u + at.y] = value;
    }
    for (var i = lane; i < 2048u; i += 128u) {
      let at = select(vec2<u32>(i / 64u, i % 64u), vec2<u32>(i % 32u, i / 32u), params.transB != 0u);
      let depth = depth0 + at.x;
      let column = column0 + at.y;
      var value = 0.0;
      if (depth < params.k && column < params.n) {
        value = b[select(depth * params.n + column, column * params.k + depth, params.transB != 0u)];
      }
      tileB[at.x * 64u + at.y] = value;
    }
    workgroupBarrier();
    for (var step = 0u; step < 32u; step += 8u) {
      for (var r = 0u; r < 2u; r++) {
        let rowAt = (rowInTile + 8u * r) * 32u + step;
        let x = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>>(&tileA, rowAt, false, 32u);
        for (var c = 0u; c < 4u; c++) {
          let columnAt = step * 64u + columnInTile + 8u * c;
          let y = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>>(&tileB, columnAt, false, 64u);
          sums[4u * r + c] = subgroupMatrixMultiplyAccumulate(x, y, sums[4u * r + c]);
        }
      }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < 2u; r++) {
    for (var c = 0u; c < 4u; c++) {
      subgroupMatrixStore(&tileB, (rowInTile + 8u * r) * 64u + columnInTile + 8u * c, sums[4u * r + c], false, 64u);
    }
  }
  workgroupBarrier();
  for (var i = lane; i < 2048u; i += 128u) {
    let row = row0 + i / 64u;
    let column = column0 + i % 64u;
    if (row < params.m && column < params.n) {
      let at = row * params.pitchOut + column;
      var value = params.alpha * tileB[i];
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
