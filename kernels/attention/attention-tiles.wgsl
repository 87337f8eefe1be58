// attention.wgsl in blocks of 4 · SIDE queries and as many keys (FlashAttention-2, arXiv 2307.08691), for dim a
// multiple of 4: an invocation scores 4 queries × 4 keys from tiles in workgroup memory, and then sums, for its 4
// queries, CHUNKS vectors of columns that lie SIDE vectors apart, at most 4. HALVES workgroups have the same queries:
// each works out all their scores and sums columns of its own. HALVES · CHUNKS is at least dim / (4 · SIDE).
// Parts: attention-table, head-places, tile-products.
override SIDE: u32 = 8;
override DEPTH: u32 = 4;
override CHUNKS: u32 = 2;
override HALVES: u32 = 1;

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
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> table: array<i32>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> stats: array<f32>;

// 4 · SIDE rows and as many columns of a product, DEPTH vectors of each at a time, or rows of SIDE vectors.
var<workgroup> tile: array<vec4<f32>, 8u * SIDE * (DEPTH + 1u)>;
/// Shares of four queries a vector, by key and four queries.
var<workgroup> weights: array<vec4<f32>, 4u * SIDE * SIDE>;
/// One vector of four queries an invocation.
var<workgroup> partial: array<vec4<f32>, SIDE * SIDE>;

@compute @workgroup_size(SIDE, SIDE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let side = 4u * SIDE;
  let blocks = (params.queries + side - 1u) / side;
  let index = group.x + group.y * groups.x;
  let block = index / HALVES;
  if (block >= params.batch * params.heads * blocks) {
    return;
  }
  let head = block / blocks;
  let row0 = (block % blocks) * side;
  let sample = head / params.heads;
  let headInSample = head % params.heads;
  let width = params.dim / 4u;
  let places = placesOf(sample, headInSample, width);
  let pitch = places.pitch;
  let atOut = (sample * params.queries * params.heads + headInSample) * width;
  let outStep = params.heads * width;
  let slope = slopeOf(headInSample);
  let record = recordOf(sample);
  let begin = u32(keysOf(record, row0).x) / side * side;
  let end = u32(keysOf(record, row0 + side - 1u).y);
  let x = local.x;
  let y = local.y;
  let across = CHUNKS * SIDE;
  let column0 = index % HALVES * across;
  let rows = vec4<u32>(row0 + 4u * y) + vec4<u32>(0u, 1u, 2u, 3u);
  let seen = rangesOfKeys(record, rows);

  var sums: array<vec4<f32>, 16>;
  var largest = vec4<f32>(LOWEST);
  var totals = vec4<f32>();
  for (var first = begin; first < end; first += side) {
    var scores = array<vec4<f32>, 4>();
    for (var depth = 0u; depth < width; depth += DEPTH) {
      workgroupBarrier();
      for (var i = lane; i < side * DEPTH; i += SIDE * SIDE) {
        let d = depth + i % DEPTH;
        let row = i / DEPTH;
        let to = row * (DEPTH + 1u) + i % DEPTH;
        let a = q[places.q + min(row0 + row, params.queries - 1u) * pitch + d];
        let b = k[places.k + (first + row) * pitch + d];
        tile[to] = select(vec4<f32>(), a, row0 + row < params.queries && d < width);
        tile[side * (DEPTH + 1u) + to] = select(vec4<f32>(), b, first + row < end && d < width);
      }
      workgroupBarrier();
      multiply(x, y, min(DEPTH, width - depth), &scores);
    }

    var own = vec4<f32>(LOWEST);
    for (var c = 0u; c < 4u; c++) {
      let key = first + x + c * SIDE;
      let position = positionOf(record, key);
      let isSeen = areWithin(seen, key) & vec4<bool>(!isHole(record, key));
      scores[c] = select(vec4<f32>(LOWEST), params.scale * scores[c] + biasOf(slope, position), isSeen);
      own = max(own, scores[c]);
    }
    partial[lane] = own;
    workgroupBarrier();
    let before = largest;
    for (var i = 0u; i < SIDE; i++) {
      largest = max(largest, partial[y * SIDE + i]);
    }
    let shrink = select(vec4<f32>(), exp(before - largest), before > vec4<f32>(LOWEST));
    totals *= shrink;
    for (var c = 0u; c < 4u; c++) {
      let weight = select(vec4<f32>(), exp(scores[c] - largest), scores[c] > vec4<f32>(LOWEST));
      totals += weight;
      weights[(x + c * SIDE) * SIDE + y] = weight;
    }
    let count = min(side, end - first);
    for (var u = 0u; u < CHUNKS; u++) {
      sums[4u * u] *= shrink.x;
      sums[4u * u + 1u] *= shrink.y;
      sums[4u * u + 2u] *= shrink.z;
      sums[4u * u + 3u] *= shrink.w;
    }
    for (var part = 0u; part < count; part += side / CHUNKS) {
      workgroupBarrier();
      for (var i = lane; i < side * SIDE; i += SIDE * SIDE) {
        let row = first + part + i / across;
        let column = column0 + i % across;
        tile[i] = select(vec4<f32>(), v[places.v + row * pitch + column], row < end && column < width);
      }
      workgroupBarrier();
      for (var i = 0u; i < min(side / CHUNKS, count - part); i++) {
        let w = weights[(part + i) * SIDE + y];
        for (var u = 0u; u < CHUNKS; u++) {
          let value = tile[i * across + u * SIDE + x];
          sums[4u * u] += w.x * value;
          sums[4u * u + 1u] += w.y * value;
          sums[4u * u + 2u] += w.z * value;
          sums[4u * u + 3u] += w.w * value;
        }
      }
    }
  }

  workgroupBarrier();
  partial[lane] = totals;
  workgroupBarrier();
  var total = vec4<f32>();
  for (var i = 0u; i < SIDE; i++) {
    total += partial[y * SIDE + i];
  }
  for (var r = 0u; r < 4u; r++) {
    if (rows[r] < params.queries) {
      for (var u = 0u; u < CHUNKS; u++) {
        let column = column0 + u * SIDE + x;
        if (column < width) {
          out[atOut + rows[r] * outStep + column] = select(vec4<f32>(), sums[4u * u + r] / total[r], total[r] > 0.0);
        }
      }
      if (x == 0u && column0 == 0u) {
        stats[2u * (head * params.queries + rows[r])] = select(0.0, largest[r] + log(total[r]), total[r] > 0.0);
      }
    }
  }
}
