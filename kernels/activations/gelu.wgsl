// out = x · Φ(x), Φ(x) = (1 + erf(x / √2)) / 2, the exact GELU, count elements. One invocation four elements. Φ(-|x|) =
// exp(-x² / 2) · t · P(t), t = 1 / (1 + 0.48 |x| / √2): P is a minimax fit of exp(u²) erfc(u) / 2t, u = |x| / √2; Φ is
// within 9e-8 everywhere.
// Parts: normal, store-four.
override LANES: u32 = 64;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (4u * i >= params.count) {
    return;
  }
  let value = x[i];
  let density = exp(-min(0.5 * value * value, vec4(87.0)));
  store(i, value * normal(value, density));
}
