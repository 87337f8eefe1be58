// out[i] [n,n] for each of count: scale · v[i] above the diagonal, row by row, the same negated below, and `diagonal`
// on it. v [count,n(n-1)/2]. One invocation an element.
override LANES: u32 = 64;

struct Params {
  count: u32,
  n: u32,
  scale: f32,
  diagonal: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = params.n;
  let e = (group.x + group.y * groups.x) * LANES + lane;
  let matrix = e / (n * n);
  if (matrix >= params.count) {
    return;
  }
  let r = e / n % n;
  let c = e % n;
  var value = params.diagonal;
  if (r != c) {
    let low = min(r, c);
    let at = low * (2u * n - low - 1u) / 2u + max(r, c) - low - 1u;
    value = v[matrix * (n * (n - 1u) / 2u) + at] * select(-params.scale, params.scale, r < c);
  }
  out[e] = value;
}
