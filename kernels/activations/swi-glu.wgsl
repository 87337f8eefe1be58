// out = silu(gate) · up, silu(x) = x / (1 + e^-x), count elements (arXiv 2002.05202). One invocation four elements.
// Parts: sigmoid, store-four.
override LANES: u32 = 64;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> up: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

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
