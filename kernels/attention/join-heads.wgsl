// The reverse of split-heads.wgsl: dQkv [batch,tokens,(heads + 2·kvHeads)·dim] from dQ [batch,heads,tokens,dim] and dKv
// [batch,2·kvHeads,capacity,dim], a sample's heads of dK before its heads of dV, from row `past` on; dQ and dK are
// turned back. One invocation an element.
override LANES: u32 = 64;

struct Params {
  batch: u32,
  tokens: u32,
  heads: u32,
  kvHeads: u32,
  dim: u32,
  past: u32,
  capacity: u32,
  hasRotary: u32,
  rotaryStep: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dQ: array<f32>;
@group(0) @binding(2) var<storage, read> dKv: array<f32>;
@group(0) @binding(3) var<storage, read> rotary: array<f32>;
@group(0) @binding(4) var<storage, read_write> dQkv: array<f32>;

/// Channel d of a row, and the channel it was turned with, turned by the opposite of the angle of a sample's token.
fn turnedBack(value: f32, other: f32, d: u32, sample: u32, token: u32) -> f32 {
  let half = params.dim / 2u;
  let angle = sample * params.rotaryStep + token * params.dim + d % half;
  return value * rotary[angle] + select(-other, other, d < half) * rotary[angle + half];
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  let rowsPerToken = params.heads + 2u * params.kvHeads;
  if (i >= params.batch * params.tokens * rowsPerToken * params.dim) {
    return;
  }
  let perGroup = params.heads / params.kvHeads;
  let d = i % params.dim;
  let row = (i / params.dim) % rowsPerToken;
  let token = (i / params.dim / rowsPerToken) % params.tokens;
  let sample = i / params.dim / rowsPerToken / params.tokens;
  let kvHead = row / (perGroup + 2u);
  let within = row % (perGroup + 2u);
  let atQ = ((sample * params.heads + kvHead * perGroup + within) * params.tokens + token) * params.dim;
  let pair = 2u * sample + select(0u, 1u, within > perGroup);
  let atKv = ((pair * params.kvHeads + kvHead) * params.capacity + params.past + token) * params.dim;
  let across = (d + params.dim / 2u) % params.dim;
  var value = 0.0;
  var other = 0.0;
  if (within < perGroup) {
    value = dQ[atQ + d];
    other = dQ[atQ + across];
  } else {
    value = dKv[atKv + d];
    other = dKv[atKv + across];
  }
  if (within <= perGroup && params.hasRotary != 0u) {
    value = turnedBack(value, other, d, sample, token);
  }
  dQkv[i] = value;
}
