// out = f(x), count elements: f is max(x, 0) of kind 0, σ(x) = 1 / (1 + e^-x) of kind 1, tanh(x) = 2 σ(2x) - 1 of kind
// 2. One invocation four elements.
// Parts: sigmoid, store-four.
override LANES: u32 = 64;

struct Params {
  count: u32,
  kind: u32,
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
  if (params.kind == 0u) {
    store(i, max(value, vec4<f32>()));
  } else if (params.kind == 1u) {
    store(i, sigmoid(value));
  } else {
    store(i, 2.0 * sigmoid(2.0 * value) - 1.0);
  }
}
