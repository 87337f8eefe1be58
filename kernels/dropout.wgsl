// out[i] = mix32((first + i) ^ seed) >= threshold ? x[i] · scale : 0. The mask is a function of the index, so backward is the
// same call on the gradient. mix32: lowbias32, C. Wellons 2018, as in src/core/random.ts. One invocation an element.
override LANES: u32 = 64;

struct Params {
  count: u32,
  first: u32,
  seed: u32,
  threshold: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

fn mix32(value: u32) -> u32 {
  var h = value;
  h = (h ^ (h >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (i >= params.count) {
    return;
  }
  out[i] = select(0.0, x[i] * params.scale, mix32((params.first + i) ^ params.seed) >= params.threshold);
}
