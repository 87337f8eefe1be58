// out[m,n] = (accumulate ? out : 0) + alpha · a · op(W) + bias[n]; a is [m,k]; W is [n,k] when transB, else [k,n]; rows
// of a and of out lie pitchA and pitchOut elements apart. W is row-major, by its bits an element. 4: tables[code] ·
// scale[element / blockSize], even elements in the high half of a byte; a scale is absmax, f32, or, scaling 1, its u8
// code: tables[16 + code] · nested[block / 256] + nested[nestedCount]. 8: code / 127 · absmax[element / blockSize], i8;
// of LLM.int8 a row is one block. 16: f16, or bf16 when isBf16. scaling from 2 on: GGUF's blocks of 4 to 6 bits. What
// is not used may be null. Cut and tiles as in matmul.wgsl; W is decoded on its way into workgroup memory, four
// elements at a time where none of the four lies in another block or word.
// Parts: half-words, stored-blocks, stored-scale.
override SIDE: u32 = 8;
override DEPTH: u32 = 4;

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
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> codes: array<u32>;
@group(0) @binding(3) var<storage, read> absmax: array<u32>;
@group(0) @binding(4) var<storage, read> nested: array<u32>;
@group(0) @binding(5) var<storage, read> tables: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

var<workgroup> levels: array<f32, 16>;
var<workgroup> tileA: array<vec4<f32>, DEPTH * (4 * SIDE + 1)>;
var<workgroup> tileB: array<vec4<f32>, DEPTH * (4 * SIDE + 1)>;

/// Elements element … element + 3 of W, where element is a multiple of 4.
fn fourAt(element: u32) -> vec4<f32> {
  if (params.scaling > 1u) {
    return fourOfBlock(element, params.bits);
  }
  if (params.bits == 16u) {
    return vec4<f32>(pairOf(codes[element / 2u], params.isBf16 != 0u), pairOf(codes[element / 2u + 1u], params.isBf16 != 0u));
  }
  if (params.bits == 8u) {
    return unpack4x8snorm(codes[element / 4u]) * scaleOf(element / params.blockSize);
  }
  let half = codes[element / 8u] >> (4u * (element & 4u));
  let values = vec4<f32>(
    levels[(half >> 4u) & 15u],
    levels[half & 15u],
    levels[(half >> 12u) & 15u],
    levels[(half >> 8u) & 15u],
  );
  return values * scaleOf(element / params.blockSize);
}

fn oneAt(element: u32) -> f32 {
  if (params.scaling > 1u) {
    return fourOfBlock(element & ~3u, params.bits)[element % 4u];
  }
  if (params.bits == 16u) {
    return pairOf(codes[element / 2u], params.isBf16 != 0u)[element % 2u];
  }
  if (params.bits == 8u) {
    return unpack4x8snorm(codes[element / 4u])[element % 4u] * scaleOf(element / params.blockSize);
  }
  let shift = 8u * ((element / 2u) % 4u) + 4u * (1u - element % 2u);
  return levels[(codes[element / 8u] >> shift) & 15u] * scaleOf(element / params.blockSize);
}

fn loadA(row: u32, depth: u32) -> vec4<f32> {
  var values = vec4<f32>();
  if (row < params.m) {
    for (var i = 0u; i < 4u && depth + i < params.k; i++) {
      values[i] = a[row * params.pitchA + depth + i];
    }
  }
  return values;
}

/// Four elements of op(W) along k, each looked up alone: for sizes that are no multiples of 4.
fn loadB(column: u32, depth: u32) -> vec4<f32> {
  var values = vec4<f32>();
  if (column < params.n) {
    for (var i = 0u; i < 4u && depth + i < params.k; i++) {
      values[i] = oneAt(select((depth + i) * params.n + column, column * params.k + depth + i, params.transB != 0u));
    }
  }
  return values;
}

/// Row `depth` of W [k,n], columns column … column + 3.
fn loadRow(column: u32, depth: u32) -> vec4<f32> {
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
  let width = 4u * SIDE;
  let pitch = width + 1u;
  let row0 = group.y * width;
  let column0 = group.x * width;
  let rowLength = select(params.n, params.k, params.transB != 0u);
  let isAligned = rowLength % 4u == 0u && params.blockSize % 4u == 0u;
  var sums: array<vec4<f32>, 4>;

  for (var i = lane; i < 16u; i += SIDE * SIDE) {
    levels[i] = tables[i];
  }
  workgroupBarrier();

  for (var depth0 = 0u; depth0 < params.k; depth0 += 4u * DEPTH) {
    for (var i = lane; i < width * DEPTH; i += SIDE * SIDE) {
      tileA[(i % DEPTH) * pitch + i / DEPTH] = loadA(row0 + i / DEPTH, depth0 + 4u * (i % DEPTH));
    }
    if (!isAligned) {
      for (var i = lane; i < width * DEPTH; i += SIDE * SIDE) {
        tileB[(i / width) * pitch + i % width] = loadB(column0 + i % width, depth0 + 4u * (i / width));
      }
    } else if (params.transB != 0u) {
      for (var i = lane; i < width * DEPTH; i += SIDE * SIDE) {
        let column = column0 + i / DEPTH;
        let depth = depth0 + 4u * (i % DEPTH);
        var values = vec4<f32>();
        if (column < params.n && depth < params.k) {
          values = fourAt(column * params.k + depth);
        }
        tileB[(i % DEPTH) * pitch + i / DEPTH] = values;
      }
    } else {
      // Four rows of four columns are read along n and turned, because the tile's vectors lie along k.
      for (var i = lane; i < SIDE * DEPTH; i += SIDE * SIDE) {
        let column = 4u * (i % SIDE);
        let depth = depth0 + 4u * (i / SIDE);
        let turned = transpose(mat4x4<f32>(
          loadRow(column0 + column, depth),
          loadRow(column0 + column, depth + 1u),
          loadRow(column0 + column, depth + 2u),
          loadRow(column0 + column, depth + 3u),
        ));
        let at = (i / SIDE) * pitch + column;
        tileB[at] = turned[0];
        tileB[at + 1u] = turned[1];
        tileB[at + 2u] = turned[2];
        tileB[at + 3u] = turned[3];
      }
    }
    workgroupBarrier();
    for (var step = 0u; step < DEPTH; step++) {
      let fromB = step * pitch + local.x;
      let b0 = tileB[fromB];
      let b1 = tileB[fromB + SIDE];
      let b2 = tileB[fromB + 2u * SIDE];
      let b3 = tileB[fromB + 3u * SIDE];
      for (var r = 0u; r < 4u; r++) {
        let x = tileA[step * pitch + local.y + r * SIDE];
        sums[r] += vec4<f32>(dot(x, b0), dot(x, b1), dot(x, b2), dot(x, b3));
      }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < 4u; r++) {
    let row = row0 + local.y + r * SIDE;
    for (var c = 0u; c < 4u; c++) {
      let column = column0 + local.x + c * SIDE;
      if (row < params.m && column < params.n) {
        let at = row * params.pitchOut + column;
        var value = params.alpha * sums[r][c];
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
