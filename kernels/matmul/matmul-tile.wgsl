// matmul.wgsl with loads of four elements and tiles of any size, for k and the row lengths and pitches of a and b that
// are multiples of 4. TRANS_A and TRANS_B are transA and transB. SIDE × SIDE invocations make ROWS × COLUMNS elements
// each (at most 8, COLUMNS a multiple of 4), rows and columns SIDE apart: ROWS + COLUMNS vector loads from workgroup
// memory for 4 · ROWS · COLUMNS multiply-adds.
override SIDE: u32 = 16;
override DEPTH: u32 = 4;
override ROWS: u32 = 4;
override COLUMNS: u32 = 4;
override TRANS_A: u32 = 0;
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

// Vectors lie along k. One more per row than is used keeps the stores of neighbours out of one memory bank.
var<workgroup> tileA: array<vec4<f32>, DEPTH * (ROWS * SIDE + 1)>;
var<workgroup> tileB: array<vec4<f32>, DEPTH * (COLUMNS * SIDE + 1)>;

/// Row `depth` of a [k,m], four of its columns.
fn rowOfA(row: u32, depth: u32) -> vec4<f32> {
  if (row < params.m && depth < params.k) {
    return a[(depth * params.pitchA + row) / 4u];
  }
  return vec4<f32>();
}

/// Row `depth` of b [k,n], four of its columns.
fn rowOfB(column: u32, depth: u32) -> vec4<f32> {
  if (column < params.n && depth < params.k) {
    return b[(depth * params.n + column) / 4u];
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

  for (var depth0 = 0u; depth0 < params.k; depth0 += 4u * DEPTH) {
    if (TRANS_A != 0u) {
      // Four rows of four are read along m and turned.
      for (var i = lane; i < height / 4u * DEPTH; i += SIDE * SIDE) {
        let first = 4u * (i % (height / 4u));
        let step = i / (height / 4u);
        let depth = depth0 + 4u * step;
        let turned = transpose(mat4x4<f32>(
          rowOfA(row0 + first, depth),
          rowOfA(row0 + first, depth + 1u),
          rowOfA(row0 + first, depth + 2u),
          rowOfA(row0 + first, depth + 3u),
        ));
        for (var j = 0u; j < 4u; j++) {
          tileA[step * (height + 1u) + first + j] = turned[j];
        }
      }
    } else {
      for (var i = lane; i < height * DEPTH; i += SIDE * SIDE) {
        let row = row0 + i / DEPTH;
        let depth = depth0 + 4u * (i % DEPTH);
        var values = vec4<f32>();
        if (row < params.m && depth < params.k) {
          values = a[(row * params.pitchA + depth) / 4u];
        }
        tileA[(i % DEPTH) * (height + 1u) + i / DEPTH] = values;
      }
    }
    if (TRANS_B != 0u) {
      for (var i = lane; i < width * DEPTH; i += SIDE * SIDE) {
        let column = column0 + i / DEPTH;
        let depth = depth0 + 4u * (i % DEPTH);
        var values = vec4<f32>();
        if (column < params.n && depth < params.k) {
          values = b[(column * params.k + depth) / 4u];
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
