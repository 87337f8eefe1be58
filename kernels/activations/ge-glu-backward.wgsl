// dUp = dOut · gelu(gate), dGate = dOut · up · (s + gate · s · (1 - s) · 2u'), s = σ(2u) and u as in ge-glu.wgsl, u'
// its slope √(2/π) (1 + 3 · 0.044715 gate²). One invocation four elements.
// Parts: sigmoid.
override LANES: u32 = 64;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> up: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dGate: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dUp: array<vec4<f32>>;

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
  let x = clamp(g, vec4(-30.0), vec4(30.0));
  let twice = 1.5957691216 * x * (1.0 + 0.044715 * x * x);
  let s = sigmoid(twice);
  // 1 - s, whose digits count where s is nearly 1.
  let slope = s + x * s * sigmoid(-twice) * 1.5957691216 * (1.0 + 0.134145 * x * x);
  // What lies behind the last element stays as it is.
  let isInside = vec4(0u, 1u, 2u, 3u) < vec4(min(4u, params.count - 4u * i));
  dGate[i] = select(dGate[i], dOut[i] * up[i] * slope, isInside);
  dUp[i] = select(dUp[i], dOut[i] * g * s, isInside);
}
