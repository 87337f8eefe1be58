// matmul-stored.wgsl by subgroup matrices, as matmul-subgroup-matrix.wgsl, for n, k, pitchA and blockSize that are
// multiples of 4. BITS, IS_BF16 and TRANS_B are bits, isBf16 and transB; IN_BLOCKS: scaling is 2 or more.
// Parts: half-words, stored-blocks, stored-four, stored-scale.
enable subgroups;
enable chromium_experimental_subgroup_matrix;

diagnostic(off, chromium.subgroup_matrix_uniformity);

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

  if (BITS == 4u && IN_BLOCKS == 0u) {
    for (var i = lane; i < 16u; i += 128u) {
      levels[i] = tables[i];
    }
    workgroupBarrier();
  }

  for (var depth0 = 0u; depth0 < params.k; depth0 += 32u) {
    for (var i = lane; i < 256u; i += 128u) {
      let row = row0 + i / 8u;
      let depth = depth0 + 4u * (i % 8u);
      var values = vec4<f32>();
      if (row < params.m && depth < params.k) {
        values = a[(row * params.pitchA + depth) / 4u];
      }
      for (var j = 0u; j < 4u; j++) {
        tileA[4u * i + j] = values[j];
      }
    }
    for (var i = lane; i < 512u; i += 128u) {
      // With transB four steps along k of one column, else four columns of one step.
      let at = select(vec2<u32>(i / 16u, 4u * (i % 16u)), vec2<u32>(4u * (i % 8u), i / 8u), TRANS_B != 0u);
      let depth = depth0 + at.x;
      let column = column0 + at.y;
      var values = vec4<f32>();
      if (depth < params.k && column < params.n) {
        values = fourAt(select(depth * params.n + column, column * params.k + depth, TRANS_B != 0u));
      }
      let stride = select(1u, 64u, TRANS_B != 0u);
      for (var j = 0u; j < 4u; j++) {
        tileB[at.x * 64u + at.y + j * stride] = values[j];
      }
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
