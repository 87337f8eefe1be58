// out[m,n] = (accumulate ? out : 0) + alpha · op(a) · op(b) + bias[n]; bias may be null when hasBias = 0.
// op(a): a is [m,k], or [k,m] when transA. op(b): b is [k,n], or [n,k] when transB. Row-major f32; rows of a and of out
// lie pitchA and pitchOut elements apart.
// A workgroup of SIDE × SIDE invocations makes a tile of 4·SIDE × 4·SIDE, each invocation 4 × 4 of it, rows and columns
// SIDE apart. k goes by in steps of 4·DEPTH through workgroup memory, in vectors along k, so that both orders of a and
// of b cost the same inner loop: 8 vector loads for 64 multiply-adds.
override SIDE: u32 = 8;
override DEPTH: u32 = 4;

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

// One vector more per row than is used: without it the stores of neighbours fall into the same memory bank.
var<workgroup> tileA: array<vec4<f32>, DEPTH * (4 * SIDE + 1)>;
var<workgroup> tileB: array<vec4<f32>, DEPTH * (4 * SIDE + 1)>;

fn loadA(row: u32, depth: u32) -> vec4<f32> {
  var values = vec4<f32>();
  if (row < params.m) {
    let start = select(row * params.pitchA + depth, depth * params.pitchA + row, params.transA != 0u);
    let stride = select(1u, params.pitchA, params.transA != 0u);
    for (var i = 0u; i < 4u && depth + i < params.k; i++) {
      values[i] = a[start + i * stride];
    }
  }
  return values;
}

fn loadB(column: u32, depth: u32) -> vec4<f32> {
  var values = vec4<f32>();
  if (column < params.n) {
    let start = select(depth * params.n + column, column * params.k + depth, params.transB != 0u);
    let stride = select(params.n, 1u, params.transB != 0u);
    for (var i = 0u; i < 4u && depth + i < params.k; i++) {
      values[i] = b[start + i * stride];
    }
  }
  return values;
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
  var sums: array<vec4<f32>, 4>;

  for (var depth0 = 0u; depth0 < params.k; depth0 += 4u * DEPTH) {
    for (var i = lane; i < width * DEPTH; i += SIDE * SIDE) {
      // Neighbouring invocations read neighbouring memory, whichever way a and b lie.
      let along = vec2<u32>(i % DEPTH, i / DEPTH);
      let across = vec2<u32>(i / width, i % width);
      let atA = select(along, across, params.transA != 0u);
      let atB = select(across, along, params.transB != 0u);
      tileA[atA.x * pitch + atA.y] = loadA(row0 + atA.y, depth0 + 4u * atA.x);
      tileB[atB.x * pitch + atB.y] = loadB(column0 + atB.y, depth0 + 4u * atB.x);
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
