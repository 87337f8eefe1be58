// Cuts qkv [batch,tokens,(heads + 2·kvHeads)·dim], whose rows go group by group (q …, k, v), into q
// [batch,heads,tokens,dim] and k, v [batch,kvHeads,capacity,dim], written from row `past` on. Other rows of k and v
// stay. Channels d and d + dim/2 of q and k are turned by angles whose cosines, then sines, are a token's row of rotary
// [tokens,dim], of which samples lie rotaryStep numbers apart. One invocation an element.
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
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> rotary: array<f32>;
@group(0) @binding(3) var<storage, read_write> q: array<f32>;
@group(0) @binding(4) var<storage, read_write> k: array<f32>;
@group(0) @binding(5) var<storage, read_write> v: array<f32>;

/// Channel d of the row of qkv at `start`, turned by the angles of a sample's token.
fn turned(start: u32, d: u32, sample: u32, token: u32) -> f32 {
  let value = qkv[start + d];
  if (params.hasRotary == 0u) {
    return value;
  }
  let half = params.dim / 2u;
  let angle = sample * params.rotaryStep + token * params.dim + d % half;
  let other = qkv[start + (d + half) % params.dim];
  return value * rotary[angle] + select(other, -other, d < half) * rotary[angle + half];
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
  let atQ = ((sample * params.heads + kvHead * perGroup + within) * params.tokens + token) * params.dim + d;
  let atKv = ((sample * params.kvHeads + kvHead) * params.capacity + params.past + token) * params.dim + d;
  if (within < perGroup) {
    q[atQ] = turned(i - d, d, sample, token);
  } else if (within == perGroup) {
    k[atKv] = turned(i - d, d, sample, token);
  } else {
    v[atKv] = qkv[i];
  }
}
