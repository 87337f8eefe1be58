// out[i] = x[i] + scale · (2 u - 1), u in [0, 1) from the upper 24 bits of mix32((first + i) ^ seed). mix32: lowbias32,
// C. Wellons 2018, as in src/core/random.ts. One invocation four elements.
// Parts: store-four.
override LANES: u32 = 64;

struct Params {
  count: u32,
  first: u32,
  seed: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

fn mix32(value: vec4<u32>) -> vec4<u32> {
  var h = value;
  h = (h ^ (h >> vec4(16u))) * 0x7feb352du;
  h = (h ^ (h >> vec4(15u))) * 0x846ca68bu;
  return h ^ (h >> vec4(16u));
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
  let index = vec4(params.first + 4u * i) + vec4(0u, 1u, 2u, 3u);
  let drawn = mix32(index ^ vec4(params.seed)) >> vec4(8u);
  // 2^-23: from 0 to below 2.
  let twice = vec4<f32>(drawn) * 1.1920928955078125e-7;
  store(i, x[i] + params.scale * (twice - 1.0));
}
