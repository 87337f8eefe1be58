// dV[i] = scale · (dOut[i] - its transpose) above the diagonal, row by row, for each of count; dOut [count,n,n], dV
// [count,n(n-1)/2]. One invocation an element of dOut.
override LANES: u32 = 64;

struct Params {
  count: u32,
  n: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<f32>;
@group(0) @binding(2) var<storage, read_write> dV: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = params.n;
  let e = (group.x + group.y * groups.x) * LANES + lane;
  let matrix = e / (n * n);
  let r = e / n % n;
  let c = e % n;
  if (matrix >= params.count || r >= c) {
    return;
  }
  let at = r * (2u * n - r - 1u) / 2u + c - r - 1u;
  let turned = (matrix * n + c) * n + r;
  dV[matrix * (n * (n - 1u) / 2u) + at] = params.scale * (dOut[e] - dOut[turned]);
}
