// out[i] = alpha · op(a[i]) · op(b[i]) for each of count, row-major f32. op(a): a is [m,k], or [k,m] when transA;
// op(b): b is [k,n], or [n,k] when transB.
// A workgroup of 8 × 8 invocations makes a tile of 32 × 32, each invocation 4 × 4 of it, rows and columns 8 apart. k
// goes by in steps of 16 through workgroup memory.
override SIDE: u32 = 8;

const DEPTH = 16u;

struct Params {
  count: u32,
  m: u32,
  n: u32,
  k: u32,
  transA: u32,
  transB: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

var<workgroup> tileA: array<f32, DEPTH * (4 * SIDE + 1)>;
var<workgroup> tileB: array<f32, DEPTH * (4 * SIDE + 1)>;

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
  let firstA = group.z * params.m * params.k;
  let firstB = group.z * params.k * params.n;
  var sums: array<vec4<f32>, 4>;

  for (var depth0 = 0u; depth0 < params.k; depth0 += DEPTH) {
    for (var i = lane; i < width * DEPTH; i += SIDE * SIDE) {
      // Neighbouring invocations read neighbouring memory, whichever way a and b lie.
      let along = vec2<u32>(i % DEPTH, i / DEPTH);
      let across = vec2<u32>(i / width, i % width);
      let atA = select(along, across, params.transA != 0u);
      let depthA = depth0 + atA.x;
      let row = row0 + atA.y;
      var valueA = 0.0;
      if (row < params.m && depthA < params.k) {
        valueA = a[firstA + select(row * params.k + depthA, depthA * params.m + row, params.transA != 0u)];
      }
      tileA[atA.x * pitch + atA.y] = valueA;
      let atB = select(across, along, params.transB != 0u);
      let depthB = depth0 + atB.x;
      let column = column0 + atB.y;
      var valueB = 0.0;
      if (column < params.n && depthB < params.k) {
        valueB = b[firstB + select(depthB * params.n + column, column * params.k + depthB, params.transB != 0u)];
      }
      tileB[atB.x * pitch + atB.y] = valueB;
    }
    workgroupBarrier();
    for (var step = 0u; step < DEPTH; step++) {
      let fromB = step * pitch + local.x;
      let y = vec4<f32>(tileB[fromB], tileB[fromB + SIDE], tileB[fromB + 2u * SIDE], tileB[fromB + 3u * SIDE]);
      for (var r = 0u; r < 4u; r++) {
        sums[r] += tileA[step * pitch + local.y + r * SIDE] * y;
      }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < 4u; r++) {
    let row = row0 + local.y + r * SIDE;
    for (var c = 0u; c < 4u; c++) {
      let column = column0 + local.x + c * SIDE;
      if (row < params.m && column < params.n) {
        let at = (group.z * params.m + row) * params.n + column;
        out[at] = params.alpha * sums[r][c];
      }
    }
  }
}
