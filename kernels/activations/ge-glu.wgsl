// out = gelu(gate) · up by the tanh approximation: gelu(x) = x (1 + tanh(u)) / 2 = x σ(2u), u = √(2/π) (x + 0.044715
// x³) (arXiv 1606.08415), count elements. One invocation four elements.
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
  // Beyond ±30 the share is 0 or 1, and a cube would overflow.
  let x = clamp(g, vec4(-30.0), vec4(30.0));
  store(i, g * sigmoid(1.5957691216 * x * (1.0 + 0.044715 * x * x)) * up[i]);
}
