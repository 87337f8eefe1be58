// matmul-stored.wgsl in the tiles of matmul-tile.wgsl, for k, pitchA, blockSize and, without transB, n that are
// multiples of 4. BITS, IS_BF16 and TRANS_B are bits, isBf16 and transB; IN_BLOCKS: scaling is 2 or more.
// Parts: half-words, stored-blocks, stored-four, stored-scale.
override SIDE: u32 = 16;
override DEPTH: u32 = 4;
override ROWS: u32 = 4;
override COLUMNS: u32 = 4;
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
// Vectors lie along k. One more per row than is used keeps the stores of neighbours out of one memory bank.
var<workgroup> tileA: array<vec4<f32>, DEPTH * (ROWS * SIDE + 1)>;
var<workgroup> tileB: array<vec4<f32>, DEPTH * (COLUMNS * SIDE + 1)>;

/// Row `depth` of W [k,n], four of its columns.
fn rowOfB(column: u32, depth: u32) -> vec4<f32> {
  if (column < params.n && depth < params.k) {
    return fourAt(depth * params.n + column);
  }
  return vec4<f32>();
}

@compute @workgroup_size(SIDE, SIDE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let height = ROWS * SIDE;
  let width = COLUMNS * SIDE;
  let row0 = group.y * height;
  let column0 = group.x * width;
  var sums: array<vec4<f32>, 16>;

  if (BITS == 4u && IN_BLOCKS == 0u) {
    for (var i = lane; i < 16u; i += SIDE * SIDE) {
      levels[i] = tables[i];
    }
    workgroupBarrier();
  }

  for (var depth0 = 0u; depth0 < params.k; depth0 += 4u * DEPTH) {
    for (var i = lane; i < height * DEPTH; i += SIDE * SIDE) {
      let row = row0 + i / DEPTH;
      let depth = depth0 + 4u * (i % DEPTH);
      var values = vec4<f32>();
      if (row < params.m && depth < params.k) {
        values = a[(row * params.pitchA + depth) / 4u];
      }
      tileA[(i % DEPTH) * (height + 1u) + i / DEPTH] = values;
    }
    if (TRANS_B != 0u) {
      for (var i = lane; i < width * DEPTH; i += SIDE * SIDE) {
        let column = column0 + i / DEPTH;
        let depth = depth0 + 4u * (i % DEPTH);
        var values = vec4<f32>();
        if (column < params.n && depth < params.k) {
          values = fourAt(column * params.k + depth);
        }
        tileB[(i % DEPTH) * (width + 1u) + i / DEPTH] = values;
      }
    } else {
      // Four rows of four are read along n and turned.
      for (var i = lane; i < width / 4u * DEPTH; i += SIDE * SIDE) {
        let first = 4u * (i % (width / 4u));
        let step = i / (width / 4u);
        let depth = depth0 + 4u * step;
        let turned = transpose(mat4x4<f32>(
          rowOfB(column0 + first, depth),
          rowOfB(column0 + first, depth + 1u),
          rowOfB(column0 + first, depth + 2u),
          rowOfB(column0 + first, depth + 3u),
        ));
        for (var j = 0u; j < 4u; j++) {
          tileB[step * (width + 1u) + first + j] = turned[j];
        }
      }
    }
    workgroupBarrier();
    for (var step = 0u; step < DEPTH; step++) {
      var y: array<vec4<f32>, 8>;
      for (var c = 0u; c < COLUMNS; c++) {
        y[c] = tileB[step * (width + 1u) + local.x + c * SIDE];
      }
      for (var r = 0u; r < ROWS; r++) {
        let x = tileA[step * (height + 1u) + local.y + r * SIDE];
        for (var c = 0u; c < COLUMNS; c += 4u) {
          sums[2u * r + c / 4u] += vec4<f32>(dot(x, y[c]), dot(x, y[c + 1u]), dot(x, y[c + 2u]), dot(x, y[c + 3u]));
        }
      }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < ROWS; r++) {
    let row = row0 + local.y + r * SIDE;
    for (var c = 0u; c < COLUMNS; c++) {
      let column = column0 + local.x + c * SIDE;
      if (row < params.m && column < params.n) {
        let at = row * params.pitchOut + column;
        var value = params.alpha * sums[2u * r + c / 4u][c % 4u];
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
