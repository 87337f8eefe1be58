// out = silu(gate) · up, silu(x) = x / (1 + e^-x), count elements (arXiv 2002.05202). One invocation four elements.
override LANES: u32 = 64;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> up: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

/// 1 / (1 + e^-x), without an infinity on the way.
fn sigmoid(x: vec4<f32>) -> vec4<f32> {
  return 1.0 / (1.0 + exp(min(-x, vec4(87.0))));
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
  let g = gate[i];
  store(i, g * sigmoid(g) * up[i]);
}
