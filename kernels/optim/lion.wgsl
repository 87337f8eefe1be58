// Lion (arXiv 2302.06675, as bitsandbytes computes it) on g = clip[0] · grad:
// param = keep · param - step · sign(beta1 m + gain1 g), keep = 1 - lr · decay, step = lr; then m = beta2 m + gain2 g,
// gain = 1 - beta; the sign of 0 is 0. clip[0] = 0 changes nothing. One invocation four elements.
override LANES: u32 = 64;

struct Params {
  count: u32,
  keep: f32,
  beta1: f32,
  gain1: f32,
  beta2: f32,
  gain2: f32,
  step: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> clip: array<f32>;
@group(0) @binding(3) var<storage, read_write> param: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4<f32>>;

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
  let g = clip[0] * grad[i];
  let before = m[i];
  let changed = params.keep * param[i] - params.step * sign(params.beta1 * before + params.gain1 * g);
  let after = params.beta2 * before + params.gain2 * g;
  let left = params.count - 4u * i;
  if (left >= 4u) {
    m[i] = after;
    param[i] = changed;
    return;
  }
  // What lies behind the last element stays as it is.
  let isMine = vec4(0u, 1u, 2u, 3u) < vec4(left);
  m[i] = select(m[i], after, isMine);
  param[i] = select(param[i], changed, isMine);
}
