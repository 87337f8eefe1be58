// torch.optim.AdamW on g = clip[0] · grad: m = beta1 m + gain1 g, v = beta2 v + gain2 g², gain = 1 - beta;
// param = keep · param - step · m / (sqrt(v) / root2 + eps), keep = 1 - lr · decay, step = lr / (1 - beta1^t),
// root2 = sqrt(1 - beta2^t). clip[0] = 0 changes nothing. One invocation four elements.
override LANES: u32 = 64;

struct Params {
  count: u32,
  keep: f32,
  beta1: f32,
  gain1: f32,
  beta2: f32,
  gain2: f32,
  step: f32,
  root2: f32,
  eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> clip: array<f32>;
@group(0) @binding(3) var<storage, read_write> param: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4<f32>>;

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
  let first = params.beta1 * m[i] + params.gain1 * g;
  let second = params.beta2 * v[i] + params.gain2 * g * g;
  let root = sqrt(second) / params.root2 + params.eps;
  let changed = params.keep * param[i] - params.step * first / root;
  let left = params.count - 4u * i;
  if (left >= 4u) {
    m[i] = first;
    v[i] = second;
    param[i] = changed;
    return;
  }
  // What lies behind the last element stays as it is.
  let isMine = vec4(0u, 1u, 2u, 3u) < vec4(left);
  m[i] = select(m[i], first, isMine);
  v[i] = select(v[i], second, isMine);
  param[i] = select(param[i], changed, isMine);
}
