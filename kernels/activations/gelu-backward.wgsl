// dX = dOut · (Φ(x) + x · φ(x)), Φ(x) = (1 + erf(x / √2)) / 2, φ(x) = exp(-x² / 2) / √2π. One invocation four elements.
// Φ(-|x|) = exp(-x² / 2) · t · P(t) as in gelu.wgsl, so one exp serves both.
// Parts: normal.
override LANES: u32 = 64;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dX: array<vec4<f32>>;

/// What lies behind the last element stays as it is.
fn store(i: u32, value: vec4<f32>) {
  let left = params.count - 4u * i;
  if (left >= 4u) {
    dX[i] = value;
  } else {
    dX[i] = select(dX[i], value, vec4(0u, 1u, 2u, 3u) < vec4(left));
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
  store(i, dOut[i] * (normal(value, density) + 0.3989422804014327 * value * density));
}
