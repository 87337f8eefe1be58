// x [batch,tokens,heads·dim] as out [batch,heads,capacity,dim], written from row `past` on; other rows stay. Turned as
// in split-heads.wgsl. One invocation an element.
override LANES: u32 = 64;

struct Params {
  batch: u32,
  tokens: u32,
  heads: u32,
  dim: u32,
  past: u32,
  capacity: u32,
  hasRotary: u32,
  rotaryStep: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> rotary: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

/// Channel d of the row of x at `start`, turned by the angles of a sample's token.
fn turned(start: u32, d: u32, sample: u32, token: u32) -> f32 {
  let value = x[start + d];
  if (params.hasRotary == 0u) {
    return value;
  }
  let half = params.dim / 2u;
  let angle = sample * params.rotaryStep + token * params.dim + d % half;
  let other = x[start + (d + half) % params.dim];
  return value * rotary[angle] + select(other, -other, d < half) * rotary[angle + half];
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (i >= params.batch * params.tokens * params.heads * params.dim) {
    return;
  }
  let d = i % params.dim;
  let head = (i / params.dim) % params.heads;
  let token = (i / params.dim / params.heads) % params.tokens;
  let sample = i / params.dim / params.heads / params.tokens;
  let row = (sample * params.heads + head) * params.capacity + params.past + token;
  out[row * params.dim + d] = turned(i - d, d, sample, token);
}
