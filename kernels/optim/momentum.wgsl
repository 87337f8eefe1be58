// What SGD and Muon move by, on g = clip[0] · grad + decay · param: m = beta m + gain g, and out = now · g + past · m,
// gain = 1 - dampening. clip[0] = 0 leaves m as it is and makes out 0. One invocation four elements.
override LANES: u32 = 64;

struct Params {
  count: u32,
  decay: f32,
  beta: f32,
  gain: f32,
  now: f32,
  past: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> clip: array<f32>;
@group(0) @binding(3) var<storage, read> param: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;

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
  let isMoving = clip[0] != 0.0;
  let g = clip[0] * grad[i] + params.decay * param[i];
  let mean = params.beta * m[i] + params.gain * g;
  let moved = select(vec4(0.0), params.now * g + params.past * mean, isMoving);
  // What lies behind the last element stays as it is.
  let isMine = vec4(0u, 1u, 2u, 3u) < vec4(params.count - 4u * i);
  m[i] = select(m[i], mean, isMine & vec4(isMoving));
  out[i] = select(out[i], moved, isMine);
}
