// AdaLoRA's importance of each parameter, I = |param · clip[0] · grad|, smoothed, and how far it strays (arXiv
// 2303.10512, eqs. 8 to 11): average = beta1 average + gain1 I; uncertainty = beta2 uncertainty + gain2 |I - average|,
// gain = 1 - beta. clip[0] = 0 changes nothing. One invocation four elements.
override LANES: u32 = 64;

struct Params {
  count: u32,
  beta1: f32,
  gain1: f32,
  beta2: f32,
  gain2: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> param: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> grad: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> clip: array<f32>;
@group(0) @binding(4) var<storage, read_write> average: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> uncertainty: array<vec4<f32>>;

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
  let importance = abs(param[i] * (clip[0] * grad[i]));
  let mean = params.beta1 * average[i] + params.gain1 * importance;
  let strays = params.beta2 * uncertainty[i] + params.gain2 * abs(importance - mean);
  // What lies behind the last element stays as it is.
  let isMine = vec4(0u, 1u, 2u, 3u) < vec4(params.count - 4u * i);
  average[i] = select(average[i], mean, isMine);
  uncertainty[i] = select(uncertainty[i], strays, isMine);
}
