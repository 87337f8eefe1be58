// dQ[i] = scale · Σ_j p_ij · (dOut[i] · v[j] - delta[i]) · k[j], p_ij = exp(scale · q[i] · k[j] + keyBias[j] - lse[i]).
// Layouts as in attention.wgsl; stats[batch,heads,queries] = lse, delta; dQ [batch,heads,queries,dim].
// Cut as there: one workgroup a query, invocations take keys, then columns.
override LANES: u32 = 64;

struct Params {
  batch: u32,
  heads: u32,
  kvHeads: u32,
  queries: u32,
  keys: u32,
  capacity: u32,
  dim: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> keyBias: array<f32>;
@group(0) @binding(5) var<storage, read> stats: array<f32>;
@group(0) @binding(6) var<storage, read> dOut: array<f32>;
@group(0) @binding(7) var<storage, read_write> dQ: array<f32>;

var<workgroup> query: array<f32, 256>;
var<workgroup> slope: array<f32, 256>;
var<workgroup> weights: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.batch * params.heads * params.queries) {
    return;
  }
  let i = row % params.queries;
  let head = row / params.queries;
  let sample = head / params.heads;
  let kvHead = sample * params.kvHeads + (head % params.heads) / (params.heads / params.kvHeads);
  let kv = kvHead * params.capacity * params.dim;
  let start = ((sample * params.queries + i) * params.heads + head % params.heads) * params.dim;
  for (var d = lane; d < params.dim; d += LANES) {
    query[d] = q[row * params.dim + d];
    slope[d] = dOut[start + d];
  }
  workgroupBarrier();

  let lse = stats[2u * row];
  let delta = stats[2u * row + 1u];
  let visible = u32(max(0, i32(i) + 1 + i32(params.keys) - i32(params.queries)));
  var sums: array<f32, 4>;
  for (var first = 0u; first < visible; first += LANES) {
    let j = first + lane;
    var weight = 0.0;
    if (j < visible) {
      let bias = keyBias[head * params.keys + j];
      if (bias >= -1.0e30) {
        var product = 0.0;
        var change = 0.0;
        for (var d = 0u; d < params.dim; d++) {
          product += query[d] * k[kv + j * params.dim + d];
          change += slope[d] * v[kv + j * params.dim + d];
        }
        weight = params.scale * exp(params.scale * product + bias - lse) * (change - delta);
      }
    }
    weights[lane] = weight;
    workgroupBarrier();
    let width = min(LANES, visible - first);
    for (var r = 0u; r < 4u; r++) {
      let d = lane + r * LANES;
      if (d < params.dim) {
        var sum = sums[r];
        for (var t = 0u; t < width; t++) {
          sum += weights[t] * k[kv + (first + t) * params.dim + d];
        }
        sums[r] = sum;
      }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < 4u; r++) {
    let d = lane + r * LANES;
    if (d < params.dim) {
      dQ[row * params.dim + d] = sums[r];
    }
  }
}
