// stats[batch,heads,queries,1] = Σ_d dOut · out over a head's part of a row; dOut, out [batch,queries,heads·dim].
// stats[…,0] stays. One invocation a head's row.
override LANES: u32 = 64;

struct Params {
  batch: u32,
  heads: u32,
  kvHeads: u32,
  queries: u32,
  keys: u32,
  capacity: u32,
  dim: u32,
  hasAlibi: u32,
  scale: f32,
  alibiScale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<f32>;
@group(0) @binding(2) var<storage, read> out: array<f32>;
@group(0) @binding(3) var<storage, read_write> stats: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.x + group.y * groups.x) * LANES + lane;
  if (row >= params.batch * params.heads * params.queries) {
    return;
  }
  let i = row % params.queries;
  let head = row / params.queries;
  let start = ((head / params.heads * params.queries + i) * params.heads + head % params.heads) * params.dim;
  var sum = 0.0;
  for (var d = 0u; d < params.dim; d++) {
    sum += dOut[start + d] * out[start + d];
  }
  stats[2u * row + 1u] = sum;
}
