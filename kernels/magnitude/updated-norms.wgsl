// norms[i] = the length of row i of W + alpha · b · a; W [rows,dim] as matmul-stored.wgsl reads it, or f32 where bits
// is 32; a [r,dim], b [rows,r], f32. The sum itself is made: ‖W‖² + 2 alpha W·(b a) + alpha² ‖b a‖² would lose all
// digits of a row that the update cancels. A workgroup does ROWS rows, a lane four elements of each, as many behind
// them, and so on; ROWS is at most 16.
// Parts: half-words, lane-sums, stored-blocks, stored-scale, stored-value.
override LANES: u32 = 64;
override ROWS: u32 = 4;

struct Params {
  rows: u32,
  dim: u32,
  r: u32,
  bits: u32,
  isBf16: u32,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> absmax: array<u32>;
@group(0) @binding(3) var<storage, read> nested: array<u32>;
@group(0) @binding(4) var<storage, read> tables: array<f32>;
@group(0) @binding(5) var<storage, read> a: array<f32>;
@group(0) @binding(6) var<storage, read> b: array<f32>;
@group(0) @binding(7) var<storage, read_write> norms: array<f32>;

var<workgroup> partial: array<f32, LANES>;

fn oneAt(element: u32) -> f32 {
  if (params.bits == 32u) {
    return bitcast<f32>(codes[element]);
  }
  return valueOf(element);
}

/// Elements element … element + 3 of W, where element is a multiple of 4, as a row and a block are.
fn fourAt(element: u32) -> vec4<f32> {
  if (params.bits == 32u) {
    return bitcast<vec4<f32>>(vec4<u32>(codes[element], codes[element + 1u], codes[element + 2u], codes[element + 3u]));
  }
  if (params.scaling > 1u) {
    return fourOfBlock(element, params.bits);
  }
  if (params.bits == 16u) {
    return vec4<f32>(pairOf(codes[element / 2u], params.isBf16 != 0u), pairOf(codes[element / 2u + 1u], params.isBf16 != 0u));
  }
  let scale = scaleOf(element / params.blockSize);
  if (params.bits == 8u) {
    return unpack4x8snorm(codes[element / 4u]) * scale;
  }
  let half = codes[element / 8u] >> (4u * (element & 4u));
  return scale * vec4<f32>(
    tables[(half >> 4u) & 15u],
    tables[half & 15u],
    tables[(half >> 12u) & 15u],
    tables[(half >> 8u) & 15u],
  );
}

/// Up to four elements of a row of W from column c on, the others 0.
fn partOf(row: u32, c: u32, isAligned: bool) -> vec4<f32> {
  if (isAligned) {
    return fourAt(row * params.dim + c);
  }
  var values = vec4<f32>();
  for (var i = 0u; i < 4u && c + i < params.dim; i++) {
    values[i] = oneAt(row * params.dim + c + i);
  }
  return values;
}

/// The same of a.
fn partOfA(row: u32, c: u32) -> vec4<f32> {
  let at = row * params.dim + c;
  if (c + 4u <= params.dim) {
    return vec4<f32>(a[at], a[at + 1u], a[at + 2u], a[at + 3u]);
  }
  var values = vec4<f32>();
  for (var i = 0u; i < 4u && c + i < params.dim; i++) {
    values[i] = a[at + i];
  }
  return values;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.x + group.y * groups.x) * ROWS;
  let last = params.rows - 1u;
  let isAligned = params.dim % 4u == 0u && params.blockSize % 4u == 0u;
  var sums: array<f32, 16>;
  for (var c = 4u * lane; c < params.dim; c += 4u * LANES) {
    // Past the last row, it is worked on once more, and not stored.
    var values: array<vec4<f32>, 16>;
    for (var i = 0u; i < ROWS; i++) {
      values[i] = partOf(min(first + i, last), c, isAligned);
    }
    for (var k = 0u; k < params.r; k++) {
      let step = params.alpha * partOfA(k, c);
      for (var i = 0u; i < ROWS; i++) {
        values[i] += b[min(first + i, last) * params.r + k] * step;
      }
    }
    for (var i = 0u; i < ROWS; i++) {
      sums[i] += dot(values[i], values[i]);
    }
  }
  for (var i = 0u; i < ROWS; i++) {
    let total = sumOverLanes(lane, sums[i]);
    if (lane == 0u && first + i < params.rows) {
      norms[first + i] = sqrt(total);
    }
  }
}
