// dX = dOut · f'(x) by out = f(x), count elements: f' is 1 where out > 0 of kind 0, out (1 - out) of kind 1, 1 - out²
// of kind 2. One invocation four elements.
override LANES: u32 = 64;

struct Params {
  count: u32,
  kind: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dX: array<vec4<f32>>;

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
  let y = out[i];
  var slope = 1.0 - y * y;
  if (params.kind == 0u) {
    slope = select(vec4<f32>(), vec4(1.0), y > vec4<f32>());
  } else if (params.kind == 1u) {
    slope = y * (1.0 - y);
  }
  // What lies behind the last element stays as it is.
  let isInside = vec4(0u, 1u, 2u, 3u) < vec4(min(4u, params.count - 4u * i));
  dX[i] = select(dX[i], dOut[i] * slope, isInside);
}
