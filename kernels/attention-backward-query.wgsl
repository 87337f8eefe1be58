// dQ[i] = scale · Σ_j p_ij · (dOut[i] · v[j] - delta[i]) · k[j], p_ij = exp(scale · q[i] · k[j] + bias[j] - lse[i]).
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
  hasAlibi: u32,
  scale: f32,
  alibiScale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> alibi: array<f32>;
@group(0) @binding(5) var<storage, read> stats: array<f32>;
@group(0) @binding(6) var<storage, read> dOut: array<f32>;
@group(0) @binding(7) var<storage, read_write> dQ: array<f32>;

var<workgroup> query: array<f32, 256>;
var<workgroup> slope: array<f32, 256>;
var<workgroup> weights: array<f32, LANES>;

/// What ALiBi adds to the score of a key at a position: alibiScale · bfloat16(slope · position), ties to even.
fn biasOf(slope: f32, position: f32) -> f32 {
  let bits = bitcast<u32>(slope * position);
  return params.alibiScale * bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}

/// Position of a sample's key, negative where it is not seen.
fn positionOf(sample: u32, key: u32) -> f32 {
  if (params.hasAlibi == 0u) {
    return 0.0;
  }
  return alibi[params.heads + sample * params.keys + key];
}

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

  let rise = select(0.0, alibi[head % params.heads], params.hasAlibi != 0u);
  let lse = stats[2u * row];
  let delta = stats[2u * row + 1u];
  let visible = u32(max(0, i32(i) + 1 + i32(params.keys) - i32(params.queries)));
  var sums: array<f32, 4>;
  for (var first = 0u; first < visible; first += LANES) {
    let j = first + lane;
    var weight = 0.0;
    if (j < visible) {
      let position = positionOf(sample, j);
      if (position >= 0.0) {
        var product = 0.0;
        var change = 0.0;
        for (var d = 0u; d < params.dim; d++) {
          product += query[d] * k[kv + j * params.dim + d];
          change += slope[d] * v[kv + j * params.dim + d];
        }
        weight = params.scale * exp(params.scale * product + biasOf(rise, position) - lse) * (change - delta);
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
