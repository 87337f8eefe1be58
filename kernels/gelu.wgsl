// out = x · Φ(x), Φ(x) = (1 + erf(x / √2)) / 2, the exact GELU, count elements. One invocation four elements.
// Φ(-|x|) = exp(-x² / 2) · t · P(t), t = 1 / (1 + 0.48 |x| / √2): P is a minimax fit of exp(u²) erfc(u) / 2t, u = |x| / √2;
// Φ is within 9e-8 everywhere.
override LANES: u32 = 64;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

/// Φ(x), given exp(-x² / 2).
fn normal(x: vec4<f32>, density: vec4<f32>) -> vec4<f32> {
  let t = 1.0 / (1.0 + 0.339411255 * abs(x));
  var p = 0.0431671381 * t - 0.193664644;
  p = p * t + 0.252315870;
  p = p * t - 0.0181101728;
  p = p * t + 0.148999465;
  p = p * t + 0.131785468;
  p = p * t + 0.135506884;
  let tail = density * t * p;
  return select(1.0 - tail, tail, x < vec4<f32>());
}

/// What lies behind the last element stays as it is.
fn store(i: u32, value: vec4<f32>) {
  let left = params.count - 4u * i;
  if (left >= 4u) {
    out[i] = value;
  } else {
    out[i] = select(out[i], value, vec4(0u, 1u, 2u, 3u) < vec4(left));
  }
}

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
