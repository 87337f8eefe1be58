// out[i] = Σ_j p_ij · v[j], p = softmax over the keys j that query i sees of scale · q[i] · k[j] + bias[j], bias[j] =
// alibiScale · bfloat16(slope · position[j]). q [batch,heads,queries,dim], k and v [batch,kvHeads,capacity,dim] (heads
// / kvHeads queries' heads share one), or, isFused, all three [batch,queries,(heads + 2·kvHeads)·dim]; table: who sees
// whom, and ALiBi's numbers (parts/attention-table.wgsl); out [batch,queries,heads·dim], stats [batch,heads,queries,2]:
// log-sum-exp (0 where no key is seen), and a slot left alone. dim <= 4·LANES and <= 256. One workgroup a query:
// invocations take keys for the scores, then columns for the sum, LANES keys at a time with a running maximum (Milakov
// & Gimelshein 2018). attention-tiles.wgsl does many queries faster.
// Parts: attention-table, head-places, lane-maxima, lane-sums.
override LANES: u32 = 64;

const LOWEST = -3.0e38;

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
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> stats: array<f32>;

var<workgroup> query: array<f32, 256>;
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
  for (var d = lane; d < params.dim; d += LANES) {
    query[d] = q[places.q + i * places.pitch + d];
  }
  workgroupBarrier();

  let rise = slopeOf(head % params.heads);
  let record = recordOf(sample);
  let seen = vec2<u32>(keysOf(record, i));
  var largest = LOWEST;
  var total = 0.0;
  var sums: array<f32, 4>;
  for (var first = seen.x / LANES * LANES; first < seen.y; first += LANES) {
    let j = first + lane;
    var score = LOWEST;
    if (j >= seen.x && j < seen.y && !isHole(record, j)) {
      var product = 0.0;
      for (var d = 0u; d < params.dim; d++) {
        product += query[d] * k[places.k + j * places.pitch + d];
      }
      score = params.scale * product + biasOf(rise, positionOf(record, j));
    }
    let before = largest;
    largest = max(before, maxOverLanes(lane, score));
    let weight = select(0.0, exp(score - largest), score > LOWEST);
    let shrink = select(0.0, exp(before - largest), before > LOWEST);
    weights[lane] = weight;
    total = total * shrink + sumOverLanes(lane, weight);
    let width = min(LANES, seen.y - first);
    for (var r = 0u; r < 4u; r++) {
      let d = lane + r * LANES;
      if (d < params.dim) {
        var sum = sums[r] * shrink;
        for (var t = 0u; t < width; t++) {
          sum += weights[t] * v[places.v + (first + t) * places.pitch + d];
        }
        sums[r] = sum;
      }
    }
  }

  let start = ((sample * params.queries + i) * params.heads + head % params.heads) * params.dim;
  for (var r = 0u; r < 4u; r++) {
    let d = lane + r * LANES;
    if (d < params.dim) {
      out[start + d] = select(0.0, sums[r] / total, total > 0.0);
    }
  }
  if (lane == 0u) {
    stats[2u * row] = select(0.0, largest + log(total), total > 0.0);
  }
}
