// out = value, count elements. One invocation four elements.
override LANES: u32 = 64;

struct Params {
  count: u32,
  value: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;

/// What lies behind the last element stays as it is.
fn store(i: u32, value: vec4<f32>) {
  let left = params.count - 4u * i;
  if (left >= 4u) {
    out[i] = value;
  } else {
    out[i] = select(out[i], value, vec4(0u, 1u, 2u, 3u) < vec4(left));
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
  store(i, vec4(params.value));
}
