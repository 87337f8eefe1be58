// torch.optim.SGD without momentum: param = keep · param - step · clip[0] · grad, keep = 1 - lr · decay, step = lr.
// clip[0] = 0 changes nothing. One invocation four elements.
override LANES: u32 = 64;

struct Params {
  count: u32,
  keep: f32,
  step: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> clip: array<f32>;
@group(0) @binding(3) var<storage, read_write> param: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (4u * i >= params.count || clip[0] == 0.0) {
    return;
  }
  let changed = params.keep * param[i] - (clip[0] * params.step) * grad[i];
  // What lies behind the last element stays as it is.
  param[i] = select(param[i], changed, vec4(0u, 1u, 2u, 3u) < vec4(params.count - 4u * i));
}
