// dX = dOut · (Φ(x) + x · φ(x)), Φ(x) = (1 + erf(x / √2)) / 2, φ(x) = exp(-x² / 2) / √2π. One invocation an element.
override LANES: u32 = 64;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dX: array<f32>;

/// Below 1 Taylor-like in x², above it 1 - erfc (Numerical Recipes, 2nd edition, erfcc); within 1.4e-7 everywhere.
fn erf(x: f32) -> f32 {
  let s = x * x;
  if (s < 1.0) {
    var p = 0.00007875875037;
    p = p * s - 0.0008016864279;
    p = p * s + 0.005189087422;
    p = p * s - 0.02685421201;
    p = p * s + 0.1128359472;
    p = p * s - 0.3761262667;
    p = p * s + 1.128379166;
    return x * p;
  }
  let t = 1.0 / (1.0 + 0.5 * abs(x));
  var p = 0.17087277;
  p = p * t - 0.82215223;
  p = p * t + 1.48851587;
  p = p * t - 1.13520398;
  p = p * t + 0.27886807;
  p = p * t - 0.18628806;
  p = p * t + 0.09678418;
  p = p * t + 0.37409196;
  p = p * t + 1.00002368;
  p = p * t - 1.26551223;
  return sign(x) * (1.0 - t * exp(p - min(s, 80.0)));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (i >= params.count) {
    return;
  }
  let value = x[i];
  let share = 0.5 * (1.0 + erf(value * 0.7071067811865476));
  let density = 0.3989422804014327 * exp(-min(0.5 * value * value, 88.0));
  dX[i] = dOut[i] * (share + value * density);
}
