// dQ[i] = scale · Σ_j p_ij · (dOut[i] · v[j] - delta[i]) · k[j], p_ij = exp(scale · q[i] · k[j] + bias[j] - lse[i]),
// delta[i] = dOut[i] · out[i]. Layouts as in attention.wgsl; stats [batch,heads,queries,2]: lse, which is read, and
// delta, which is written; dQ as q, where rows are fused the queries' columns alone. Cut as there: one workgroup a
// query, invocations take keys, then columns.
// Parts: attention-table, head-places, lane-sums.
override LANES: u32 = 64;

struct Params {
  batch: u32,
  heads: u32,
  kvHeads: u32,
  queries: u32,
  keys: u32,
  capacity: u32,
  dim: u32,
  isFused: u32,
  hasAlibi: u32,
  hasHoles: u32,
  first: u32,
  scale: f32,
  alibiScale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> table: array<i32>;
@group(0) @binding(5) var<storage, read> dOut: array<f32>;
@group(0) @binding(6) var<storage, read> out: array<f32>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>;
@group(0) @binding(8) var<storage, read_write> dQ: array<f32>;

var<workgroup> query: array<f32, 256>;
var<workgroup> slope: array<f32, 256>;
var<workgroup> weights: array<f32, LANES>;
var<workgroup> partial: array<f32, LANES>;

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
  let places = placesOf(sample, head % params.heads, params.dim);
  let start = ((sample * params.queries + i) * params.heads + head % params.heads) * params.dim;
  var share = 0.0;
  for (var d = lane; d < params.dim; d += LANES) {
    query[d] = q[places.q + i * places.pitch + d];
    slope[d] = dOut[start + d];
    share += dOut[start + d] * out[start + d];
  }
  let delta = sumOverLanes(lane, share);

  let rise = slopeOf(head % params.heads);
  let lse = stats[2u * row];
  if (lane == 0u) {
    stats[2u * row + 1u] = delta;
  }
  let record = recordOf(sample);
  let seen = vec2<u32>(keysOf(record, i));
  var sums: array<f32, 4>;
  for (var first = seen.x / LANES * LANES; first < seen.y; first += LANES) {
    let j = first + lane;
    var weight = 0.0;
    if (j >= seen.x && j < seen.y && !isHole(record, j)) {
      var product = 0.0;
      var change = 0.0;
      for (var d = 0u; d < params.dim; d++) {
        product += query[d] * k[places.k + j * places.pitch + d];
        change += slope[d] * v[places.v + j * places.pitch + d];
      }
      let bias = biasOf(rise, positionOf(record, j));
      weight = params.scale * exp(params.scale * product + bias - lse) * (change - delta);
    }
    weights[lane] = weight;
    workgroupBarrier();
    let width = min(LANES, seen.y - first);
    for (var r = 0u; r < 4u; r++) {
      let d = lane + r * LANES;
      if (d < params.dim) {
        var sum = sums[r];
        for (var t = 0u; t < width; t++) {
          sum += weights[t] * k[places.k + (first + t) * places.pitch + d];
        }
        sums[r] = sum;
      }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < 4u; r++) {
    let d = lane + r * LANES;
    if (d < params.dim) {
      dQ[places.q + i * places.pitch + d] = sums[r];
    }
  }
}
