// target += alpha · x, count elements. One invocation four elements.
// WGSL reserves the word target, hence the underscore.
override LANES: u32 = 64;

struct Params {
  count: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> target_: array<vec4<f32>>;

/// What lies behind the last element stays as it is.
fn store(i: u32, value: vec4<f32>) {
  let left = params.count - 4u * i;
  if (left >= 4u) {
    target_[i] = value;
  } else {
    target_[i] = select(target_[i], value, vec4(0u, 1u, 2u, 3u) < vec4(left));
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
  store(i, target_[i] + params.alpha * x[i]);
}
